// SPDX-License-Identifier: Apache-2.0
// What the tests of the app's screens share.
import AxeSource from 'axe-core';
import { expect, type Page } from '@playwright/test';
import type { ChatPage } from '../e2e/fixtures';
import type { FakeApp } from './fake_app';

// In the form of the native program's.
export const kReport = {
  version: '0.7.0',
  processor: { features: 'neon fp16 dotprod i8mm', cores: '4 x 1804 MHz, 3 x 2348 MHz, 1 x 2850 MHz', threads: 4, chosen: [4, 5, 6, 7], placed: [], isa: 'i8mm' },
  kernels: ['generic', 'neon', 'dotprod', 'i8mm'].map((name) => ({ name, runs: true, passed: true, wrong: '' })),
  calls: Object.fromEntries(['openat', 'mmap', 'madvise', 'futex', 'clone', 'sched_setaffinity'].map((name) => [name, true])),
  memory: { available_bytes: 2814377984, resident_bytes: 38215680, anonymous_bytes: 9240576, read_bytes_per_second: 21422334511.25, int8_multiply_adds_per_second: 211e9, float_multiply_adds_per_second: 38.123456e9 },
  file: { name: 'model.pack', bytes: 118012345, mapped: true },
  answer: { text: 'Hello! How can I help you today?', tokens: 8, open_seconds: 0.081234, prompt_tokens: 12, prompt_seconds: 0.102, seconds: 0.61, cpu_seconds: 2.1, weights_bytes: 117809952, mapped_bytes: 117809952 },
  passed: true,
};

export async function violations(page: Page): Promise<string[]> {
  // Over the debugger's door: the page's own policy lets no script in.
  await page.evaluate(AxeSource.source);
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    return (await axe.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
  });
}

// A page of the page, by its address.
export async function goTo(page: Page, name: string): Promise<void> {
  await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
  await expect(page.getByTestId(`page-${name}`)).toBeVisible();
}

// A phone with bars above and below, whose engine is there and has nothing wrong.
export function begin(phone: FakeApp): void {
  phone.event('insets', { top: 32, right: 0, bottom: 20, left: 0 });
  phone.event('started', { version: '0.7.0', isa: 'neon dotprod i8mm', threads: 4 });
  phone.instead.set('GET /thimble/v1/self-check', { status: 200, body: kReport });
}

export const kHotReadings = { thermal: 3, headroom: 1.04, battery: 18, charging: false, power_save: true, mode: 'balanced' };
export function growHot(phone: FakeApp): void {
  phone.event('decision', { decision: { threads: 2, pause_ms: 0, thinking: 0, detail: 'low', stop: true, reason: 'severe' }, readings: kHotReadings });
}

export function beginImport(phone: FakeApp): void {
  phone.event('import', { name: 'Qwen3.5-2B-Q4_K_M.gguf', bytes: 410e6, total: 1271e6, state: 'copying' });
}

// The talk with what its last answer cost, then the drawer.
export async function lookAtTalk(chat: ChatPage, phone: FakeApp, look: (name: string) => Promise<void>): Promise<void> {
  phone.event('cost', { cpu_seconds: 12.3, battery_percent: 1, thermal: 2 });
  await expect(chat.page.getByTestId('cost')).toBeVisible();
  await look('chat');
  await chat.showRail();
  await chat.page.waitForTimeout(300);
  await look('rail');
}

// The models with one on its way, when nothing lies over them any more; then the settings.
export async function lookAtImport(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  await expect(page.getByTestId('model-import-row')).toBeVisible();
  await expect(page.locator('.toast')).toHaveCount(0);
  await look('models');
  await goTo(page, 'settings');
  await expect(page.getByTestId('setting-mode')).toBeVisible();
  await look('settings');
}

// What this hot phone says of itself.
export async function lookAtDevice(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  await goTo(page, 'device');
  await expect(page.locator('[data-name=thermal]')).toHaveAttribute('data-good', 'false');
  await look('device');
}

export async function lookAtCheck(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  await page.getByTestId('self-check').click();
  await look('check-before');
  await page.getByTestId('check-run').click();
  await expect(page.getByTestId('check-verdict')).toHaveAttribute('data-passed', 'true');
  await look('check');
}
