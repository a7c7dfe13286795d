// SPDX-License-Identifier: Apache-2.0
// The page without a server: chats in the browser's own database, answers in its journal. In place of the engine's worker
// a mock server answers (tests/browser_page); its answers end with the page.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { BrowserContext, Page } from '@playwright/test';
import { ChatPage, expect, pictureFile, test as base, watch } from './fixtures';

const folder = import.meta.dirname;
const top = join(folder, '../..');

const test = base.extend<{ tab: () => Promise<ChatPage> }, { built: string }>({
  built: [
    // eslint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const out = mkdtempSync(join(tmpdir(), 'thimble-browser-page-'));
      execFileSync(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--config', 'tests/browser_page/vite.config.ts'], {
        cwd: top, env: { ...process.env, THIMBLE_PAGE_OUT: out }, stdio: ['ignore', 'ignore', 'inherit'],
        timeout: 90_000, killSignal: 'SIGKILL', // while it runs, no timer of the test's does
      });
      // Slow enough that a second tab is there before the end.
      const script = JSON.parse(readFileSync(join(folder, 'script.json'), 'utf8')) as object;
      writeFileSync(join(out, 'script.json'), JSON.stringify({ ...script, tokens_per_second: 25 }));
      await use(out);
      rmSync(out, { recursive: true });
    },
    { scope: 'worker' },
  ],
  service: async ({ built }, use) => {
    const server = spawn(process.execPath, [join(folder, '../mock_server/server.mjs'), '--script', join(built, 'script.json'), '--page', built, '--storeless'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve) => createInterface({ input: server.stdout }).once('line', resolve));
    const { url } = JSON.parse(line) as { url: string };
    await use({ url, token: '', isMock: true });
    server.kill();
  },
  tab: async ({ context, service }, use) => {
    const faults: string[] = [];
    await use(async () => {
      const page = await context.newPage();
      watch(page, service, faults);
      page.on('request', (request) => /\/thimble\/v1\/(chats|settings)/.test(request.url()) && faults.push(`asked a server for chats: ${request.url()}`));
      const chat = new ChatPage(page, service, faults);
      await page.goto(`${service.url}/`);
      await expect(page.locator('.dot[data-state=ready]').first()).toBeVisible();
      return chat;
    });
    expect(faults, 'faults of the page').toEqual([]);
  },
});

async function quota(context: BrowserContext, page: Page, origin: string, bytes?: number): Promise<() => Promise<unknown>> {
  const devtools = await context.newCDPSession(page);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: bytes });
  return () => devtools.send('Storage.overrideQuotaForOrigin', { origin });
}

// Another database of the page's takes what room there is.
async function fillUp(): Promise<void> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('thimble:junk');
    request.onupgradeneeded = () => request.result.createObjectStore('junk', { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
  });
  const put = (bytes: number) =>
    new Promise<boolean>((resolve) => {
      const transaction = database.transaction('junk', 'readwrite');
      transaction.oncomplete = () => resolve(true);
      transaction.onabort = () => resolve(false);
      transaction.objectStore('junk').add(crypto.getRandomValues(new Uint8Array(bytes)));
    });
  for (let bytes = 65_536; bytes >= 64; bytes /= 2) while (await put(bytes));
}

const open = async (chat: ChatPage, title: string) => {
  await chat.showRail();
  await chat.page.getByTestId('chat-item').filter({ hasText: title }).first().locator('a').click();
};

test('a first chat is kept, and there after a reload', async ({ tab }) => {
  const chat = await tab();
  const { page } = chat;
  await chat.ask('Which mushroom is this, and can I eat it?');
  await page.reload();
  await expect(chat.answers()).toContainText('fly agaric');
  await expect(page.getByTestId('meter')).toHaveAttribute('data-finish', 'stop');
  await page.goto(`${chat.service.url}/#/settings`);
  await page.getByTestId('language').selectOption('de');
  await page.goto(`${chat.service.url}/#/chat`);
  await page.reload();
  await chat.showRail();
  await expect(page.getByTestId('chat-item').first()).toContainText('Which mushroom is this');
  await expect(page.locator('html')).toHaveAttribute('lang', 'de');
  await page.getByTestId('search').fill('AMANITA');
  await expect(page.getByTestId('chat-item')).toHaveCount(1);
  await page.getByTestId('search').fill('nowhere');
  await expect(page.getByTestId('chat-item')).toHaveCount(0);
});

test('an answer that a reload cut off is there, stopped, as far as it had come', async ({ tab }) => {
  const chat = await tab();
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Three follows');
  const seen = (await chat.answers().locator('.markdown').innerText()).trim();
  await chat.page.reload();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  expect((await chat.answers().locator('.markdown').innerText()).trim().startsWith(seen)).toBe(true);
  await chat.ask('And now?');
  await expect(chat.answers()).toHaveCount(2);
});

test('an answer whose worker ended is stopped, and the page goes on', async ({ tab }) => {
  const chat = await tab();
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Three follows');
  await chat.page.evaluate(() => (window as unknown as { killEngine(): void }).killEngine());
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await chat.page.reload();
  await expect(chat.answers()).toContainText('One is first. Two comes next. Three follows');
  await chat.ask('Hello there');
});

test('two tabs: one writes an answer, the other sees it grow, and can stop it', async ({ tab }) => {
  const [one, two] = [await tab(), await tab()];
  await one.say('Tell me something long');
  await expect(one.answers()).toContainText('Two comes next');
  await open(two, 'something long');
  await expect(two.answers()).toHaveAttribute('data-state', 'running');
  await expect(two.answers()).toContainText('Three follows');
  await two.page.getByTestId('stop').click();
  await expect(one.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(two.answers()).toHaveAttribute('data-state', 'stopped');
  await expect.poll(async () => (await two.answers().locator('.markdown').innerText()) === (await one.answers().locator('.markdown').innerText())).toBe(true);
  await expect(one.answers()).not.toContainText('The very last');
});

test('two tabs: an answer whose tab crashed is stopped in the other', async ({ tab }) => {
  const [one, two] = [await tab(), await tab()];
  await one.say('Tell me something long');
  await expect(one.answers()).toContainText('Two comes next');
  await open(two, 'something long');
  await expect(two.answers()).toContainText('Three follows');
  await expect(two.answers()).toHaveAttribute('data-state', 'running');
  await one.page.goto('chrome://crash').catch(() => undefined);
  await expect(two.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(two.answers()).toContainText('Three follows');
  await expect(two.answers()).not.toContainText('The very last');
});

test('two tabs: what is deleted and imported in one goes and comes in the other', async ({ tab }, info) => {
  const [one, two] = [await tab(), await tab()];
  await one.ask('Asked in the first tab');
  await open(two, 'Asked in the first tab');
  await expect(two.answers()).toContainText('A short answer.');
  await one.showRail();
  const download = one.page.waitForEvent('download');
  await one.page.getByTestId('rail-menu').click();
  await one.page.getByTestId('export-all').click();
  const path = info.outputPath('all.zip');
  await (await download).saveAs(path);
  await one.menu('Asked in the first tab', 'chat-delete');
  await one.page.getByTestId('delete-confirm').click();
  await two.showRail();
  await expect(two.page.getByTestId('chat-item')).toHaveCount(0);
  await one.page.getByTestId('import-input').setInputFiles(path);
  await expect(two.page.getByTestId('chat-item')).toHaveCount(1);
});

test('a picture is kept, shown again, and deleted with its chat', async ({ tab }) => {
  const chat = await tab();
  const { page } = chat;
  await page.getByTestId('attach-input').setInputFiles(pictureFile('cup.png', 320, 240));
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  await chat.ask('Hello there');
  await page.reload();
  await expect.poll(() => page.getByTestId('message-picture').locator('img').evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBe(320);
  const pictures = () =>
    page.evaluate(
      () =>
        new Promise((resolve) => {
          const request = indexedDB.open('thimble:chats');
          request.onsuccess = () => {
            const count = request.result.transaction('pictures').objectStore('pictures').count();
            count.onsuccess = () => (request.result.close(), resolve(count.result));
          };
        }),
    );
  expect(await pictures()).toBe(1);
  await chat.menu('Hello there', 'chat-delete');
  await page.getByTestId('delete-confirm').click();
  await expect.poll(pictures).toBe(0);
});

test('a full disk is a sentence, and the typed text stays', async ({ tab, context, service }) => {
  const lift = await quota(context, await context.newPage(), service.url, 600_000);
  const chat = await tab();
  const { page } = chat;
  await chat.ask('Hello there');
  await page.evaluate(fillUp);
  await chat.say('Typed on a full disk');
  await expect(page.locator('.composer .fault')).toContainText('no room left');
  await expect(page.getByTestId('composer')).toHaveValue('Typed on a full disk');
  await lift();
  await chat.ask('Hello again');
  await page.reload();
  await expect(chat.answers()).toHaveCount(2);
});

test('what the browser threw away is told of, once', async ({ tab }) => {
  const chat = await tab();
  const { page } = chat;
  await expect(page.getByTestId('store-notice')).toHaveCount(0);
  await chat.ask('Hello there');
  await page.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase('thimble:chats').onsuccess = resolve)));
  await page.goto(`${chat.service.url}/#/chat`);
  await page.reload();
  await expect(page.getByTestId('store-notice')).toContainText('threw away the chats');
  await page.reload();
  await page.getByTestId('store-notice').getByRole('button').click();
  await expect(page.getByTestId('store-notice')).toHaveCount(0);
  await page.reload();
  await chat.ask('Hello again');
  await expect(page.getByTestId('store-notice')).toHaveCount(0);
});

test('a tab whose chats a newer page took over says so', async ({ tab }) => {
  const [old, next] = [await tab(), await tab()];
  await old.ask('Hello there');
  await next.page.evaluate(
    () =>
      new Promise((resolve) => {
        const request = indexedDB.open('thimble:chats', 1000);
        request.onsuccess = () => (request.result.close(), resolve(null));
      }),
  );
  await expect(old.page.getByTestId('store-notice')).toContainText('updated in another tab');
  await old.say('Is it kept?');
  await expect(old.page.locator('.composer .fault')).toContainText('updated in another tab');
  await expect(old.page.getByTestId('composer')).toHaveValue('Is it kept?');
  await old.page.getByTestId('store-notice').getByRole('button').click();
  await old.showRail();
  await expect(old.page.getByTestId('chat-list')).toContainText('A newer version of Thimble');
});
