// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const kPages = ['chat', 'models', 'settings', 'proof', 'about'];

async function violations(page: Page): Promise<string[]> {
  // Over the debugger's door: the page's own policy lets no script in.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { axe: checker } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
    return (await checker.run()).violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
  });
}

for (const theme of ['light', 'dark']) {
  for (const lang of ['en', 'ar']) {
    test.describe(`axe, ${theme}, ${lang}`, () => {
      test.use({ query: `?theme=${theme}&lang=${lang}` });
      test('finds nothing on any page', async ({ chat }) => {
        const { page } = chat;
        await chat.ask('Show me code and a table');
        expect(await violations(page), 'a chat').toEqual([]);
        for (const name of kPages) {
          await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
          await page.waitForTimeout(200);
          for (const fold of await page.locator('.page .fold > summary').all()) await fold.click();
          expect(await violations(page), name).toEqual([]);
        }
        await page.evaluate(() => (window.location.hash = '#/chat'));
        await page.getByTestId('instructions').click();
        expect(await violations(page), 'instructions').toEqual([]);
      });
    });
  }
}

test('Arabic is written from the right, and no other language is mixed in', async ({ chat }) => {
  const { page } = chat;
  await page.goto(`${chat.service.url}/?lang=ar`);
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
  await expect(page.getByTestId('composer')).toHaveAttribute('placeholder', /[\u0600-\u06ff]/);
  if (!chat.isPhone) {
    const rail = await page.locator('.rail').boundingBox();
    expect(rail!.x).toBeGreaterThan(500);
  }
  await chat.ask('Hello there');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'ar');
});

test('the language is chosen in the settings and stays', async ({ chat }) => {
  const { page } = chat;
  await page.goto(`${chat.service.url}/#/settings`);
  await page.getByTestId('language').selectOption('ar');
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('dir', 'rtl');
  await page.getByTestId('language').selectOption('zh');
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-Hans');
  await page.getByTestId('language').selectOption('');
  await expect(page.locator('html')).toHaveAttribute('dir', 'ltr');
});

test('the proof page shows that nothing left', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await page.getByTestId('proof').click();
  const items = page.locator('.evidence-item');
  await expect(items).toHaveCount(4);
  for (const item of await items.all()) await expect(item).toHaveAttribute('data-holds', 'true');
  await items.nth(2).locator('summary').click();
  await expect(items.nth(2)).toContainText("default-src 'none'");
  await items.nth(3).locator('summary').click();
  await expect(items.nth(3)).toContainText('/v1/chat/completions');
});

test('a model comes in by its files and goes again', async ({ chat }) => {
  test.skip(!chat.service.isMock, 'files of a real model would be needed');
  const { page } = chat;
  await page.getByTestId('models').click();
  await expect(page.getByTestId('model-item').filter({ hasText: '35B' })).toContainText('it needs 22.4 GB');
  await page.getByTestId('model-input').setInputFiles([
    { name: 'Tiny-Q4.gguf', mimeType: 'application/octet-stream', buffer: Buffer.alloc(9_000_000, 7) },
    { name: 'mmproj-F16.gguf', mimeType: 'application/octet-stream', buffer: Buffer.alloc(200_000, 3) },
  ]);
  const model = page.getByTestId('model-item').filter({ hasText: 'Tiny-Q4' });
  await expect(model).toBeVisible();
  await expect(page.getByTestId('model-import-row')).toHaveAttribute('data-state', 'done');
  await model.getByRole('button', { name: 'More for' }).click();
  await page.getByTestId('model-delete').click();
  await page.getByTestId('model-delete-confirm').click();
  await expect(model).toHaveCount(0);
});

test('prepared models are deleted by a button, which goes where the service has no such route', async ({ chat }) => {
  const { page } = chat;
  await page.route('**/thimble/v1/space', (route) =>
    route.request().method() === 'GET' && !isDeleted ? route.fulfill({ json: { models: 0, packs: 120e6, chats: 4096, pictures: 0, backups: 0 } }) : route.fallback());
  let isDeleted = false;
  let status = 404;
  await page.route('**/thimble/v1/packs', (route) => route.fulfill({ status, contentType: 'application/json', body: status === 204 ? '' : '{"error":{"message":"x"}}' }));
  await page.getByTestId('models').click();
  await expect(page.getByTestId('packs')).toContainText('120');
  await page.getByTestId('packs-delete').click();
  await expect(page.locator('.toast')).toContainText('cannot be deleted from here');
  await expect(page.getByTestId('packs-delete')).toHaveCount(0);
  await page.reload();
  status = 500;
  await page.getByTestId('packs-delete').click();
  await expect(page.locator('.page .fault')).toContainText('That did not work');
  status = 204;
  isDeleted = true;
  await page.getByTestId('packs-delete').click();
  await expect(page.locator('.toast')).toContainText('are deleted');
  if (!chat.service.isMock) await expect(page.getByTestId('packs')).toHaveCount(0);
});

test('prepared models are deleted by the service', async ({ chat }) => {
  test.skip(!chat.service.isMock, 'scripted servers make none');
  const { page } = chat;
  await page.getByTestId('models').click();
  await page.getByTestId('packs-delete').click();
  await expect(page.getByTestId('packs')).toHaveCount(0);
});

test('everything fits a window of 320 pixels', async ({ chat }) => {
  const { page } = chat;
  await page.setViewportSize({ width: 320, height: 640 });
  await chat.ask('Show me code and a table');
  for (const name of kPages) {
    if (name !== 'chat') await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
    await page.waitForTimeout(150);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(320);
  }
});

test('the keyboard alone: new chat, question, answer, copy @desktop', async ({ chat }) => {
  const { page } = chat;
  await page.keyboard.press('Control+Shift+KeyO');
  await expect(page.getByTestId('composer')).toBeFocused();
  await page.keyboard.type('Hello there');
  await page.keyboard.press('Enter');
  await chat.finished();
  await expect(page.getByTestId('announcer')).toContainText('A short answer.');
  await page.keyboard.press('Control+KeyK');
  await expect(page.getByTestId('search')).toBeFocused();
});
