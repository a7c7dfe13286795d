// SPDX-License-Identifier: Apache-2.0
// A host with the page, the modules and perhaps a share of a model; pages that are watched.
import { expect, test as base, type Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LinkState } from '../../src/engine/engine_link';
import type { ThimbleOfTests } from './page/page';

const kTop = join(import.meta.dirname, '../../../..');
export const kWasm = process.env['THIMBLE_WASM'] ?? join(kTop, 'build/wasm');
export const kFixtures = process.env['THIMBLE_FIXTURES'] ?? join(kTop, 'build/fixtures');

export const gguf = (name: string) => join(kFixtures, 'gguf', name);
export const kText = gguf('text-tied-q8_0.gguf');
export const kSeeing = [gguf('vl-q8_0.gguf'), gguf('mmproj-vl-f16.gguf')];

interface HostOptions {
  isBare: boolean; // no headers of its own
  wasm: string; // the modules' folder
}

interface Fixtures {
  host: { url: string; models: string };
  engine: EnginePage;
  scratch: string; // a folder
}

export function isReady(): boolean {
  return existsSync(join(kWasm, 'thimble-simd.wasm'));
}

export interface Told<T> {
  value?: T;
  fault?: { status: number; code: string; message: string };
}

type SeenState = LinkState & { crashed: string; toOpen: string };

export class EnginePage {
  readonly faults: string[] = [];
  constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('pageerror', (error) => this.faults.push(`threw: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) this.faults.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(new URL(url).origin) && !/^(blob|data):/.test(request.url())) this.faults.push(`left the device: ${request.url()}`);
    });
  }

  async open(query = ''): Promise<void> {
    await this.page.goto(this.url + query);
  }

  state(): Promise<SeenState> {
    return this.page.getByTestId('state').textContent().then((text) => JSON.parse(text || '{"state":"none"}') as SeenState);
  }

  async until(state: LinkState['state'], timeout = 20_000): Promise<SeenState> {
    await expect.poll(async () => (await this.state()).state, { timeout, message: `the engine is ${state}` }).toBe(state);
    return this.state();
  }

  async ready(query = ''): Promise<SeenState> {
    await this.open(query);
    return this.until('ready');
  }

  choose(...files: string[]): Promise<void> {
    return this.page.getByTestId('files').setInputFiles(files);
  }

  // Calls a function of the page's `thimble`, and gives what it told.
  call<T = Record<string, unknown>>(name: keyof ThimbleOfTests, ...given: unknown[]): Promise<Told<T>> {
    return this.page.evaluate(([key, values]) => (window.thimble[key as 'ask'] as (...all: unknown[]) => unknown)(...values), [name, given] as const) as Promise<Told<T>>;
  }

  async value<T = Record<string, unknown>>(name: keyof ThimbleOfTests, ...given: unknown[]): Promise<T> {
    const told = await this.call<T>(name, ...given);
    expect(told.fault, name).toBeUndefined();
    return told.value!;
  }

  async importModel(model: string, ...files: string[]): Promise<void> {
    await this.choose(...files);
    await this.value('importFiles', model);
  }

  lines(): Promise<string[]> {
    return this.page.evaluate(() => window.thimble.engine.link.lines.map(({ text }) => text));
  }
}

async function serve(page: string, wasm: string, models: string, isBare: boolean): Promise<{ url: string; stop: () => void }> {
  const server = spawn(process.execPath, [join(import.meta.dirname, 'static_server.mjs'), '--page', page, '--wasm', wasm, '--models', models, ...(isBare ? ['--bare'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => createInterface({ input: server.stdout }).once('line', resolve));
  return { url: (JSON.parse(line) as { url: string }).url, stop: () => server.kill() };
}

export const test = base.extend<HostOptions & Fixtures>({
  isBare: [false, { option: true }],
  wasm: [kWasm, { option: true }],
  // eslint-disable-next-line no-empty-pattern
  scratch: async ({}, use) => use(mkdtempSync(join(tmpdir(), 'thimble-browser-'))),
  host: async ({ isBare, wasm, scratch }, use) => {
    const { url, stop } = await serve(join(import.meta.dirname, '../../test-results/browser-page'), wasm, scratch, isBare);
    await use({ url, models: scratch });
    stop();
  },
  engine: async ({ page, host }, use) => {
    const engine = new EnginePage(page, host.url);
    await use(engine);
    expect(engine.faults, 'faults of the page').toEqual([]);
  },
});
export { expect };

// Another tab of the same browser.
export async function secondTab(first: EnginePage): Promise<EnginePage> {
  return new EnginePage(await first.page.context().newPage(), first.url);
}

// Cuts a file into pieces with a list, as the packaging does.
export function share(file: string, folder: string, pieceBytes: number): void {
  const bytes = readFileSync(file);
  const list: object[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const part = bytes.subarray(at, at + pieceBytes);
    const piece: string = `builtin.${list.length}.bin`;
    writeFileSync(join(folder, piece), part);
    list.push({ piece, bytes: part.length, sha256: createHash('sha256').update(part).digest('hex') });
  }
  writeFileSync(join(folder, 'builtin.json'), JSON.stringify(list));
}
