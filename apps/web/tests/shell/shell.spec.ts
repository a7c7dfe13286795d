// SPDX-License-Identifier: Apache-2.0
// The page as plain files: kept after the first load, isolated where the host sends no headers, renewed when somebody says
// so. THIMBLE_BROWSER_PAGE: the folder (tools/browser_page.mjs; default dist-browser).
import { expect, test, type Page } from '@playwright/test';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startHost } from './host';

const kPage = process.env['THIMBLE_BROWSER_PAGE'] ?? join(import.meta.dirname, '../../dist-browser');

// The page, and what went wrong in it.
async function opened(page: Page, url: string): Promise<string[]> {
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => /content security|trusted/i.test(message.text()) && faults.push(message.text()));
  await page.goto(url);
  await expect(page.getByTestId('composer')).toBeVisible();
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null && crossOriginIsolated);
  await expect(page.getByTestId('composer')).toBeVisible();
  return faults;
}

// The same page, of another version.
function newerPage(): string {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-page-'));
  cpSync(kPage, folder, { recursive: true });
  const index = readFileSync(join(folder, 'index.html'), 'utf8').replace('<title>Thimble</title>', '<title>Thimble</title><meta name="newer">');
  const before = createHash('sha256').update(readFileSync(join(folder, 'index.html'))).digest('hex');
  writeFileSync(join(folder, 'index.html'), index);
  const worker = readFileSync(join(folder, 'sw.js'), 'utf8');
  const version = readFileSync(join(kPage, 'version.txt'), 'utf8').trim();
  writeFileSync(join(folder, 'sw.js'), worker.replace(before, createHash('sha256').update(index).digest('hex')).replaceAll(version, 'newer'));
  return folder;
}

test('is isolated and kept after one load from a host without headers', async ({ page, context }) => {
  const host = await startHost(kPage);
  const faults = await opened(page, host.url);
  expect(await page.evaluate(() => typeof SharedArrayBuffer)).toBe('function');
  await host.stop();
  await page.reload();
  await expect(page.getByTestId('composer')).toBeVisible();
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  const another = await context.newPage();
  await another.goto(`${host.url}?lang=de`);
  await expect(another.getByTestId('composer')).toBeVisible();
  expect(faults).toEqual([]);
});

test('asks the host for nothing but its files, each once', async ({ page }) => {
  const host = await startHost(kPage, { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' });
  await opened(page, host.url);
  host.asked.length = 0;
  await page.reload();
  await expect(page.getByTestId('composer')).toBeVisible();
  expect(host.asked.filter((line) => line !== 'GET /app/sw.js')).toEqual([]);
  await host.stop();
});

test('takes a new version when it is told to, and then has no old file', async ({ page }) => {
  const host = await startHost(kPage);
  await opened(page, host.url);
  const newer = newerPage();
  host.folder = newer;
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update());
  await expect(page.getByTestId('take-update')).toBeVisible();
  await page.reload();
  await expect(page.getByTestId('composer')).toBeVisible();
  expect(await page.locator('meta[name=newer]').count(), 'nobody said so yet').toBe(0);
  await page.getByTestId('take-update').click();
  await page.waitForFunction(() => document.querySelector('meta[name=newer]') !== null);
  const caches_ = await page.evaluate(() => caches.keys());
  expect(caches_).toEqual(['thimble:shell:/app/:newer']);
  await host.stop();
  rmSync(newer, { recursive: true });
});

test('stays what it is where a new version is broken or half there', async ({ page }) => {
  const host = await startHost(kPage);
  await opened(page, host.url);
  const newer = newerPage();
  writeFileSync(join(newer, 'icon.svg'), '<svg/>');
  host.folder = newer;
  await page.evaluate(async () => (await navigator.serviceWorker.getRegistration())!.update().catch(() => undefined));
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())!.installing === null);
  await expect(page.getByTestId('take-update')).toHaveCount(0);
  await host.stop();
  await page.reload();
  await expect(page.getByTestId('composer')).toBeVisible();
  rmSync(newer, { recursive: true });
});

test("replaces a stranger's worker at the same address, and leaves others' alone", async ({ page }) => {
  const folder = mkdtempSync(join(tmpdir(), 'thimble-page-'));
  cpSync(kPage, folder, { recursive: true });
  const answering = "addEventListener('install', () => skipWaiting()); addEventListener('activate', (e) => e.waitUntil(clients.claim()));";
  writeFileSync(join(folder, 'stranger.js'), `${answering} addEventListener('fetch', (e) => { if (e.request.mode === 'navigate') e.respondWith(fetch(e.request)); });`);
  const host = await startHost(folder);
  host.sent['/app/stranger.html'] = '<p>another program';
  await page.goto(`${host.url}stranger.html`);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('stranger.js');
    await navigator.serviceWorker.ready;
  });
  await opened(page, host.url);
  const scripts = await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map((one) => one.active?.scriptURL));
  expect(scripts).toEqual([`${host.url}sw.js`]);
  await host.stop();
  rmSync(folder, { recursive: true });
});
