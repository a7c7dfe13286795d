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
  // A title of its own: the server may have others' chats.
  const title = `mushroom ${Math.random().toString(36).slice(2)}`;
  await chat.ask(title);
  const save = async (start: () => Promise<void>, name: string) => {
    const [download] = await Promise.all([page.waitForEvent('download'), start()]);
    const path = info.outputPath(name);
    await download.saveAs(path);
    return path;
  };
  const markdown = await save(() => chat.menu(title, 'chat-export-md'), 'one.md');
  expect(readFileSync(markdown, 'utf8')).toContain('This looks like a **fly agaric**');
  const json = await save(() => chat.menu(title, 'chat-export-json'), 'one.json');
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ thimble_chat: 1, chat: { title: title } });
  const archive = await save(async () => {
    await page.getByTestId('rail-menu').click();
    await page.getByTestId('export-all').click();
  }, 'all.zip');
  await chat.menu(title, 'chat-delete');
  await page.getByTestId('delete-confirm').click();
  await expect(page.getByTestId('chat-item').filter({ hasText: title })).toHaveCount(0);
  for (const [count, path] of [markdown, json, archive].entries()) {
    await page.getByTestId('import-input').setInputFiles(path);
    await expect(page.getByTestId('chat-item').filter({ hasText: title })).toHaveCount(count + 1);
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

test('attacks in titles, names and archives run nothing', async ({ chat }) => {
  const { page } = chat;
  const attack = '"><img src=x onerror="window.broken=1"><script>window.broken=1</script>';
  const picture = { sha256: 'a'.repeat(64), name: attack, width: 1, height: 1, detail: 'auto', tokens: 1 };
  const ids = ['A', 'B'].map((letter) => letter.repeat(24));
  const message = { model: attack, state: 'done', created: 1, reasoning: attack, pictures: [picture], facts: { finish: attack, error: attack } };
  const file = {
    thimble_chat: 1,
    chat: { id: 'C'.repeat(24), title: attack, model: attack, instructions: attack, folder: attack, head: ids[1] },
    messages: [{ ...message, id: ids[0], parent: '', role: 'user', text: attack }, { ...message, id: ids[1], parent: ids[0], role: 'assistant', text: attack, state: 'failed' }],
    pictures: {},
  };
  await page.getByTestId('import-input').setInputFiles({ name: `${attack.replace(/[/"]/g, '')}.json`, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(file)) });
  await chat.showRail();
  const item = page.getByTestId('chat-item').filter({ hasText: 'onerror' }).first();
  await item.locator('a').click();
  await expect(chat.answers()).toContainText('<img src=x onerror=');
  await chat.answers().getByTestId('thinking').locator('summary').click();
  await page.getByTestId('attach-input').setInputFiles({ name: 'x <img src=x onerror=window.broken=1>.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
  await chat.showRail();
  await page.getByTestId('search').fill('onerror');
  await expect(item).toBeVisible();
  expect(await page.evaluate(() => (window as unknown as { broken?: number }).broken)).toBeUndefined();
  expect(await page.locator('script:not([src]), img[src="x"]').count()).toBe(0);
});
