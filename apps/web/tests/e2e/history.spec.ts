// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { expect, test } from './fixtures';

test('search finds words of titles and texts, and shows where', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Which mushroom is this?');
  await chat.showRail();
  await page.getByTestId('new-chat').click();
  await chat.ask('Hello there');
  await chat.showRail();
  await page.getByTestId('search').fill('muscaria');
  const items = page.getByTestId('chat-item');
  await expect(items.first()).toContainText('Which mushroom');
  await expect(items.first().locator('mark')).toHaveText(/muscaria/i);
  await expect(items.filter({ hasText: 'Hello there' })).toHaveCount(0);
  await page.getByTestId('search').fill('nowhereatall');
  await expect(page.getByText('Nothing found.')).toBeVisible();
});

test('a chat is renamed, pinned, put into a folder and deleted', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await chat.menu('Hello there', 'chat-rename');
  await page.getByTestId('chat-edit').fill('A new title');
  await page.keyboard.press('Enter');
  await expect(page.getByTestId('chat-item').filter({ hasText: 'A new title' })).toBeVisible();
  await chat.menu('A new title', 'chat-pin');
  await expect(page.getByRole('heading', { name: 'Pinned' })).toBeVisible();
  await chat.menu('A new title', 'chat-folder');
  await page.getByTestId('chat-edit').fill('Letters');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Letters' }).click();
  await expect(page.getByTestId('chat-item').first()).toContainText('A new title');
  await chat.menu('A new title', 'chat-delete');
  await page.getByTestId('delete-confirm').click();
  await expect(page.getByTestId('chat-item').filter({ hasText: 'A new title' })).toHaveCount(0);
  await chat.hideRail();
  await expect(chat.questions()).toHaveCount(0);
});

test('chats go out as Markdown, JSON and archive, and come in again', async ({ chat }, info) => {
  const { page } = chat;
  await chat.ask('Which mushroom is this?');
  const save = async (start: () => Promise<void>, name: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), start()]);
    const path = info.outputPath(name);
    await download.saveAs(path);
    return path;
  };
  const markdown = await save(() => chat.menu('Which mushroom', 'chat-export-md'), 'one.md');
  expect(readFileSync(markdown, 'utf8')).toContain('This looks like a **fly agaric**');
  const json = await save(() => chat.menu('Which mushroom', 'chat-export-json'), 'one.json');
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ thimble_chat: 1, chat: { title: 'Which mushroom is this?' } });
  const archive = await save(async () => {
    await page.getByTestId('rail-menu').click();
    await page.getByTestId('export-all').click();
  }, 'all.zip');
  await chat.menu('Which mushroom', 'chat-delete');
  await page.getByTestId('delete-confirm').click();
  await expect(page.getByTestId('chat-item').filter({ hasText: 'Which mushroom' })).toHaveCount(0);
  for (const [count, path] of [markdown, json, archive].entries()) {
    await page.getByTestId('import-input').setInputFiles(path);
    await expect(page.getByTestId('chat-item').filter({ hasText: 'Which mushroom' })).toHaveCount(count + 1);
  }
  await page.getByTestId('chat-item').first().locator('a').click();
  await expect(chat.answers()).toContainText('fly agaric');
});

test('a broken archive is a sentence, and nothing comes in', async ({ chat }) => {
  const { page } = chat;
  await page.getByTestId('import-input').setInputFiles({ name: 'x.zip', mimeType: 'application/zip', buffer: Buffer.from('PK\u0003\u0004 and nothing more') });
  await expect(page.getByText('no chat or archive')).toBeVisible();
  await page.getByTestId('import-input').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"messages": 7}') });
  await expect(page.getByText('no chat or archive')).toBeVisible();
});
