// SPDX-License-Identifier: Apache-2.0
// Chats move between a real server's page and the page with its engine inside, and are the same afterwards.
//   THIMBLE_SCRIPTED_SERVER: build/tests/scripted_server, with the page inside (playwright.whole.config.ts)
import { unzipSync } from 'fflate';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { ChatPage, watch } from '../e2e/fixtures';
import { OwnServer } from '../e2e/own_server';
import { makePng } from '../e2e/png';
import { expect, hasModules, kSeeing, test } from './fixtures';

test.skip(!hasModules(), 'the page has no modules (tools/browser_page.mjs)');
test.setTimeout(180_000);

// A chat with a picture, two answers to one question and two wordings of another, renamed, pinned, in a folder; and one
// with instructions of its own.
async function talk(chat: ChatPage): Promise<void> {
  const { page } = chat;
  const picture = test.info().outputPath(`cup-${new URL(page.url()).port}.png`);
  writeFileSync(picture, makePng(96, 64));
  await page.getByTestId('attach-input').setInputFiles(picture);
  await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
  await chat.ask('Which cup is this?');
  await chat.answers().last().hover();
  await chat.answers().last().getByTestId('regenerate').click();
  await expect(chat.answers().last().getByTestId('branches')).toContainText('2/2');
  await chat.finished();
  await chat.ask('And then?');
  await chat.questions().last().hover();
  await chat.questions().last().getByTestId('edit').click();
  await page.getByTestId('edit-text').fill('And before?');
  await page.getByTestId('edit-save').click();
  await expect(chat.questions().last().getByTestId('branches')).toContainText('2/2');
  await chat.finished();
  await chat.menu('Which cup', 'chat-rename');
  await page.getByTestId('chat-edit').fill('Cups');
  await page.keyboard.press('Enter');
  await chat.menu('Cups', 'chat-folder');
  await page.getByTestId('chat-edit').fill('Letters');
  await page.keyboard.press('Enter');
  await chat.menu('Cups', 'chat-pin');
  await expect(page.getByRole('heading', { name: 'Pinned' })).toBeVisible();
  await page.getByTestId('new-chat').click();
  await page.getByTestId('instructions').click();
  await page.getByTestId('instructions-own').fill('Be kind.');
  await page.getByTestId('sheet-instructions').getByRole('button', { name: 'Save' }).click();
  await chat.ask('Hello there');
}

interface Archive {
  path: string;
  chats: Record<string, unknown>; // by their ids
  pictures: Record<string, string>; // digests of their bytes, by their names
}

async function exportAll(chat: ChatPage, name: string): Promise<Archive> {
  await chat.showRail();
  const download = chat.page.waitForEvent('download');
  await chat.page.getByTestId('rail-menu').click();
  await chat.page.getByTestId('export-all').click();
  const path = test.info().outputPath(name);
  await (await download).saveAs(path);
  const found: Archive = { path, chats: {}, pictures: {} };
  for (const [entry, bytes] of Object.entries(unzipSync(new Uint8Array(readFileSync(path))))) {
    const [folder, file] = entry.split('/');
    if (folder === 'chats') found.chats[file!] = JSON.parse(new TextDecoder().decode(bytes));
    if (folder === 'pictures') found.pictures[file!] = createHash('sha256').update(bytes).digest('hex');
  }
  return found;
}

async function importAll(chat: ChatPage, { path, chats }: Archive): Promise<void> {
  const before = await chat.page.getByTestId('chat-item').count();
  await chat.page.getByTestId('import-input').setInputFiles(path);
  await expect(chat.page.getByTestId('chat-item')).toHaveCount(before + Object.keys(chats).length);
}

// What a person sees of the first chat.
async function looksTheSame(chat: ChatPage): Promise<void> {
  const { page } = chat;
  await chat.showRail();
  await expect(page.getByRole('heading', { name: 'Pinned' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Letters' })).toBeVisible();
  await page.getByTestId('chat-item').filter({ hasText: 'Cups' }).locator('a').click();
  await expect(chat.questions().last()).toContainText('And before?');
  await expect(chat.questions().last().getByTestId('branches')).toContainText('2/2');
  await expect(chat.answers().first().getByTestId('branches')).toContainText('2/2');
  await expect.poll(() => chat.questions().first().locator('img').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(96);
}

test('chats move from a server into the browser and back, and from the browser to another server', async ({ whole, context }) => {
  const server = new OwnServer(200);
  const faults: string[] = [];
  const openServer = async () => {
    const service = await server.start();
    const page = await context.newPage();
    watch(page, service, faults);
    const chat = new ChatPage(page, service, faults);
    await chat.open();
    return chat;
  };
  try {
    let there = await openServer();
    await talk(there);
    const sent = await exportAll(there, 'server.zip');
    expect([Object.keys(sent.chats).length, Object.keys(sent.pictures).length]).toEqual([2, 1]);

    await whole.page.bringToFront();
    await whole.begin(kSeeing, 'sees pictures');
    const here = new ChatPage(whole.page, { url: whole.host.url, token: '', isMock: false }, whole.faults);
    await importAll(here, sent);
    await looksTheSame(here);
    const kept = await exportAll(here, 'browser.zip');
    expect({ ...kept, path: '' }).toEqual({ ...sent, path: '' });
    // The model here goes on with what was written there.
    await here.hideRail();
    await here.ask('Go on');

    // Back to a server without them.
    await there.page.close();
    await server.kill();
    server.moveHome();
    there = await openServer();
    await importAll(there, kept);
    await looksTheSame(there);
    const back = await exportAll(there, 'back.zip');
    expect({ ...back, path: '' }).toEqual({ ...sent, path: '' });
    expect(faults).toEqual([]);
  } finally {
    await server.end();
  }
});

test('chats that were written in the browser move to a server', async ({ whole, context }) => {
  await whole.begin(kSeeing, 'sees pictures');
  const here = new ChatPage(whole.page, { url: whole.host.url, token: '', isMock: false }, whole.faults);
  await whole.answersHaveAtMost(12);
  await talk(here);
  const sent = await exportAll(here, 'browser.zip');
  const server = new OwnServer(200);
  const faults: string[] = [];
  try {
    const service = await server.start();
    const page = await context.newPage();
    watch(page, service, faults);
    const there = new ChatPage(page, service, faults);
    await there.open();
    await importAll(there, sent);
    await looksTheSame(there);
    const kept = await exportAll(there, 'server.zip');
    expect({ ...kept, path: '' }).toEqual({ ...sent, path: '' });
    expect(faults).toEqual([]);
  } finally {
    await server.end();
  }
});
