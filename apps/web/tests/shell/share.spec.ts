// SPDX-License-Identifier: Apache-2.0
// What other programs share with the page: its service worker takes it, the page puts it into the composer, once.
import { expect, test, type Page } from '@playwright/test';
import { join } from 'node:path';
import { makePng } from '../e2e/png';
import { startHost, type Host } from './host';
import { share, shareTarget } from './share';

const kPage = process.env['THIMBLE_BROWSER_PAGE'] ?? join(import.meta.dirname, '../../dist-browser');
const picture = (name: string) => ({ name, mimeType: 'image/png', buffer: makePng(32, 24) });

let host: Host;
test.beforeEach(async ({ page }) => {
  host = await startHost(kPage);
  await opened(page, host.url);
});
test.afterEach(() => host.stop());

async function opened(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null && crossOriginIsolated);
  await expect(page.getByTestId('composer')).toBeVisible();
}

const boxes = (page: Page) => page.evaluate(async () => (await caches.keys()).filter((name) => !name.startsWith('thimble:shell:')));

test('text and pictures are in the composer, and nowhere else', async ({ page }) => {
  const { files } = shareTarget(host).params;
  expect(files).toEqual([{ name: 'files', accept: ['image/*'] }]);
  host.asked.length = 0;
  await share(page, host, { title: 'Fly agaric', text: 'What is this?', url: 'https://example.org/a', files: [picture('one.png'), picture('zwölf & 13.png')] });
  await expect(page.getByTestId('composer')).toHaveValue('Fly agaric\nWhat is this?\nhttps://example.org/a');
  await expect(page.getByTestId('picture-preview')).toHaveCount(2);
  await expect(page.getByRole('button', { name: 'zwölf & 13.png' })).toBeVisible();
  expect(page.url()).toBe(host.url);
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(host.asked.filter((line) => line.startsWith('POST'))).toEqual([]);
  await expect(page.getByTestId('message')).toHaveCount(0); // a person sends it
  await expect.poll(() => boxes(page)).toEqual([]);
  await page.reload();
  await expect(page.getByTestId('composer')).toHaveValue('');
  await expect(page.getByTestId('picture-preview')).toHaveCount(0);
});

test('without a network too; what a page itself sends is no share', async ({ page }) => {
  const sent = await page.evaluate(async (url) => {
    const form = new FormData();
    form.set('text', 'sent');
    return (await fetch(url, { method: 'POST', body: form })).status;
  }, new URL('share', host.url).href);
  expect([sent, await boxes(page)]).toEqual([404, []]);
  await share(page, host, { text: 'first' });
  await expect(page.getByTestId('composer')).toHaveValue('first');
  await page.goto(`${host.url}sharing.html`);
  await host.stop();
  await page.locator('textarea[name=text]').fill('second');
  await page.locator('button').click();
  await expect(page.getByTestId('composer')).toHaveValue('second');
});

test('too much, too large and no pictures are sentences', async ({ page }) => {
  const fault = page.locator('.composer .fault');
  await share(page, host, { text: 'Look', files: Array.from({ length: 20 }, (_, i) => picture(`${i}.png`)) });
  await expect(page.getByTestId('picture-preview')).toHaveCount(16);
  await expect(fault).toContainText('At most 16 pictures');
  await share(page, host, { text: 'Look', files: [{ name: 'song.mp3', mimeType: 'audio/mpeg', buffer: Buffer.from('ID3') }] });
  await expect(fault).toContainText('song.mp3 is no picture');
  await page.goto(`${host.url}sharing.html`);
  // Larger than Playwright hands over: the page makes it itself.
  await page.evaluate(() => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(65 * 1024 * 1024)], 'large.png', { type: 'image/png' }));
    document.querySelector('input')!.files = files.files;
  });
  await page.locator('button').click();
  await expect(fault).toContainText('large.png is too large');
  await expect(page.getByTestId('composer')).toHaveValue('Look');
  await expect(page.getByTestId('picture-preview')).toHaveCount(0);
});

test("another site's form opens the page, without what it sent", async ({ page }) => {
  const other = await startHost(kPage);
  await share(page, host, { text: 'from elsewhere', files: [picture('a.png')] }, other);
  await expect(page.getByTestId('composer')).toHaveValue('');
  await expect(page.getByTestId('picture-preview')).toHaveCount(0);
  expect(await boxes(page)).toEqual([]);
  await other.stop();
});

test('forms to other addresses go to the host as they are', async ({ page }) => {
  await share(page, host, { text: 'Look' });
  await expect(page.getByTestId('composer')).toHaveValue('Look');
  host.sent['/app/sharing.html'] = host.sent['/app/sharing.html']!.replace('/app/share', '/app/index.html');
  host.asked.length = 0;
  await page.goto(`${host.url}sharing.html`);
  await page.locator('button').click();
  await page.waitForURL(/index\.html/);
  expect(host.asked).toContain('POST /app/index.html');
  expect(await boxes(page)).toEqual([]);
});
