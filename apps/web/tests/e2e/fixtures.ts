// SPDX-License-Identifier: Apache-2.0
// A service for each test, and a page that is watched: whatever goes elsewhere, breaks the content policy or throws fails
// the test.
import { expect, test as base, type Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { FakeApp, kAppUrl } from '../android/fake_app';
import { makePng } from './png';

export interface Service {
  url: string;
  token: string;
  isMock: boolean;
}

interface Options {
  isBlind: boolean;
  query: string; // of the first address: "?lang=ar"
  carrier: 'server' | 'android'; // of the page
}

interface Fixtures {
  behind: Service; // the service that answers
  service: Service; // where its page is
  app: FakeApp | null;
  chat: ChatPage;
}

async function startMock(isBlind: boolean): Promise<{ service: Service; stop: () => void }> {
  const folder = import.meta.dirname;
  const process_ = spawn(process.execPath, [join(folder, '../mock_server/server.mjs'), '--script', join(folder, 'script.json'), ...(isBlind ? ['--blind'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) => createInterface({ input: process_.stdout }).once('line', resolve));
  const { url, token } = JSON.parse(line) as { url: string; token: string };
  return { service: { url, token, isMock: true }, stop: () => process_.kill() };
}

export const test = base.extend<Options & Fixtures>({
  isBlind: [false, { option: true }],
  query: ['', { option: true }],
  carrier: ['server', { option: true }],
  behind: async ({ isBlind }, use, info) => {
    const { THIMBLE_URL, THIMBLE_TOKEN, THIMBLE_BLIND_URL, THIMBLE_BLIND_TOKEN } = process.env;
    if (THIMBLE_URL) {
      const url = isBlind ? THIMBLE_BLIND_URL : THIMBLE_URL;
      info.skip(!url, 'no blind server was given');
      await use({ url: url ?? '', token: (isBlind ? THIMBLE_BLIND_TOKEN : THIMBLE_TOKEN) ?? '', isMock: false });
      return;
    }
    const { service, stop } = await startMock(isBlind);
    await use(service);
    stop();
  },
  service: async ({ behind, carrier }, use) => use(carrier === 'android' ? { ...behind, url: kAppUrl, token: '' } : behind),
  app: async ({ page, behind, carrier }, use) => {
    const app = carrier === 'android' ? new FakeApp(page, behind) : null;
    await app?.install();
    await use(app);
  },
  chat: async ({ page, service, query, app }, use) => {
    void app; // plays before the page is opened
    const faults: string[] = [];
    watch(page, service, faults);
    const chat = new ChatPage(page, service, faults);
    await chat.open(query);
    await use(chat);
    expect(faults, 'faults of the page').toEqual([]);
  },
});
export { expect };

export function watch(page: Page, service: Service, faults: string[]): void {
  page.on('pageerror', (error) => faults.push(`threw: ${error.message}`));
  page.on('console', (message) => {
    // A service that went away on purpose is told of by the browser too.
    if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(service.url) && !/^(blob|data):/.test(url)) faults.push(`left the device: ${url}`);
  });
}

let files = '';

// A picture of one colour as a file.
export function pictureFile(name: string, width: number, height: number): string {
  files ||= mkdtempSync(join(tmpdir(), 'thimble-e2e-'));
  const path = join(files, name);
  writeFileSync(path, makePng(width, height));
  return path;
}

export class ChatPage {
  constructor(
    readonly page: Page,
    readonly service: Service,
    readonly faults: string[],
  ) {}

  async open(query = ''): Promise<void> {
    await this.page.goto(`${this.service.url}/${query}${this.service.token && `#token=${this.service.token}`}`);
    await expect(this.page.getByTestId('composer')).toBeVisible();
    await expect(this.page.locator('.dot[data-state=ready]').first()).toBeVisible();
  }

  get isPhone(): boolean {
    return (this.page.viewportSize()?.width ?? 0) < 861;
  }

  async showRail(): Promise<void> {
    if (this.isPhone && !(await this.page.locator('.rail.is-open').count())) await this.page.getByTestId('drawer').click();
  }
  async hideRail(): Promise<void> {
    if (this.isPhone) await this.page.keyboard.press('Escape');
  }

  answers() {
    return this.page.locator('[data-testid=message][data-role=assistant]');
  }
  questions() {
    return this.page.locator('[data-testid=message][data-role=user]');
  }

  async say(text: string): Promise<void> {
    await this.page.getByTestId('composer').fill(text);
    await this.page.getByTestId('send').click();
  }

  // Says it and waits for the whole answer.
  async ask(text: string): Promise<void> {
    const before = await this.answers().count();
    await this.say(text);
    await expect(this.answers()).toHaveCount(before + 1);
    await this.finished();
  }

  async finished(): Promise<void> {
    await expect(this.answers().last()).toHaveAttribute('data-state', 'done', { timeout: 40_000 });
  }

  async menu(title: string, testid: string): Promise<void> {
    await this.showRail();
    const item = this.page.getByTestId('chat-item').filter({ hasText: title }).first();
    await item.hover();
    await item.getByTestId('chat-menu').click();
    await this.page.getByTestId(testid).click();
  }
}
