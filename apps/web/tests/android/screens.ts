// SPDX-License-Identifier: Apache-2.0
// What the tests of the app's screens share.
import AxeSource from 'axe-core';
import type { Page } from '@playwright/test';

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
