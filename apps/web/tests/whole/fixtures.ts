// SPDX-License-Identifier: Apache-2.0
// The built page on a host of plain files, and what a person does with it.
//   THIMBLE_BROWSER_PAGE: the folder (tools/browser_page.mjs; default dist-browser), with real modules
//   THIMBLE_FIXTURES: build/fixtures
import { expect, test as base, type Page } from '@playwright/test';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHost, type Host } from '../shell/host';

const kTop = join(import.meta.dirname, '../../../..');
export const kPage = process.env['THIMBLE_BROWSER_PAGE'] ?? join(import.meta.dirname, '../../dist-browser');
const kFixtures = process.env['THIMBLE_FIXTURES'] ?? join(kTop, 'build/fixtures');
export const gguf = (name: string) => join(kFixtures, 'gguf', name);
export const kVocabulary = join(kFixtures, 'tokenizer/qwen35-vocab.gguf'); // the real one
export const kText = gguf('text-tied-q8_0.gguf');
export const kSeeing = [gguf('vl-q8_0.gguf'), gguf('mmproj-vl-f16.gguf')];

export function hasModules(): boolean {
  try {
    return statSync(join(kPage, 'wasm/thimble-relaxed-threads.wasm')).size > 1000;
  } catch {
    return false;
  }
}

export class Whole {
  readonly faults: string[] = [];
  constructor(
    readonly page: Page,
    readonly host: Host,
  ) {
    page.on('pageerror', (error) => this.faults.push(`threw: ${error.message}`));
    page.on('console', (message) => {
      if (/content security|trusted/i.test(message.text())) this.faults.push(message.text());
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL(host.url).origin) && !/^(blob|data):/.test(request.url())) this.faults.push(`left the device: ${request.url()}`);
    });
  }

  // Isolated and kept, with its engine running.
  async open(query = ''): Promise<void> {
    await this.page.goto(this.host.url + query);
    await this.page.waitForFunction(() => navigator.serviceWorker.controller !== null && crossOriginIsolated);
    await expect(this.page.getByTestId('composer')).toBeVisible();
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await expect(this.page.getByTestId('composer')).toBeVisible();
  }

  // As a person does: a button, and the browser's own window for files.
  async choose(button: string, files: string | string[]): Promise<void> {
    const chooser = this.page.waitForEvent('filechooser');
    await this.page.getByTestId(button).click();
    await (await chooser).setFiles(files);
  }

  async hasModel(text: string | RegExp): Promise<void> {
    await expect(this.page.getByTestId('models')).toContainText(text);
  }

  // A model, and a chat that begins with it.
  async begin(files: string | string[] = kText, state = 'reads text'): Promise<void> {
    await this.open();
    await this.choose('model-import', files);
    await this.hasModel(state);
  }

  async send(text: string): Promise<void> {
    await this.page.getByTestId('composer').fill(text);
    await this.page.getByTestId('send').click();
  }

  get answer() {
    return this.page.locator('[data-testid=message][data-role=assistant]').last();
  }

  async answers(text: string): Promise<void> {
    await this.send(text);
    await expect(this.answer).toHaveAttribute('data-state', 'done', { timeout: 60_000 });
  }

  // An answer that has begun, and has a second or more to go.
  async beginLong(): Promise<void> {
    await this.send('Tell me a long story');
    await expect(this.answer).toHaveAttribute('data-state', 'running');
    await expect.poll(async () => (await this.answer.textContent())!.length, { intervals: [20] }).toBeGreaterThan(40);
  }

  // From now on.
  async answersHaveAtMost(tokens: number): Promise<void> {
    const { page } = this;
    await page.evaluate(() => (window.location.hash = '#/settings'));
    await page.locator('details').last().evaluate((element: HTMLDetailsElement) => (element.open = true));
    await page.getByLabel('max_tokens').fill(String(tokens));
    await page.getByLabel('max_tokens').blur();
    await page.evaluate(() => (window.location.hash = '#/chat'));
  }

  engineWorker() {
    return this.page.workers().find((worker) => /engine_worker/.test(worker.url()))!;
  }
}

// A copy of the page that a test may change.
export function copyOfPage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-whole-'));
  cpSync(kPage, folder, { recursive: true });
  return folder;
}

// The same page, of another version.
export function newerPage(): string {
  const folder = copyOfPage();
  const digest = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
  const old = readFileSync(join(folder, 'index.html'), 'utf8');
  const index = old.replace('<title>Thimble</title>', '<title>Thimble</title><meta name="newer">');
  writeFileSync(join(folder, 'index.html'), index);
  const version = readFileSync(join(kPage, 'version.txt'), 'utf8').trim();
  writeFileSync(join(folder, 'sw.js'), readFileSync(join(folder, 'sw.js'), 'utf8').replace(digest(old), digest(index)).replaceAll(version, 'newer'));
  return folder;
}

// The page with `code` in front of its engine worker's: what a browser does otherwise than this one.
export function changeEngineWorker(folder: string, code: string): void {
  const digest = (text: string) => createHash('sha256').update(text).digest('hex');
  const name = readdirSync(join(folder, 'assets')).find((file) => /^engine_worker-.*\.js$/.test(file))!;
  const old = readFileSync(join(folder, 'assets', name), 'utf8');
  writeFileSync(join(folder, 'assets', name), code + old);
  writeFileSync(join(folder, 'sw.js'), readFileSync(join(folder, 'sw.js'), 'utf8').replace(digest(old), digest(code + old)));
}

// A model as the page's host gives it.
export function putShare(folder: string, file: string, pieceBytes: number): string[] {
  mkdirSync(join(folder, 'models'), { recursive: true });
  const bytes = readFileSync(file);
  const list: { piece: string; bytes: number; sha256: string }[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const part = bytes.subarray(at, at + pieceBytes);
    const piece: string = `builtin.${list.length}.bin`;
    writeFileSync(join(folder, 'models', piece), part);
    list.push({ piece, bytes: part.length, sha256: createHash('sha256').update(part).digest('hex') });
  }
  writeFileSync(join(folder, 'models/builtin.json'), JSON.stringify(list));
  return list.map(({ piece }) => join(folder, 'models', piece));
}

export const test = base.extend<{ folder: string; whole: Whole }>({
  // eslint-disable-next-line no-empty-pattern
  folder: async ({}, use) => {
    const folder = copyOfPage();
    await use(folder);
    rmSync(folder, { recursive: true });
  },
  whole: async ({ page, folder }, use) => {
    const host = await startHost(folder);
    const whole = new Whole(page, host);
    await use(whole);
    await host.stop();
    expect(whole.faults, 'faults of the page').toEqual([]);
  },
});
export { expect };
