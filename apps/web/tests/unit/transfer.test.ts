// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// Archives move conversations between a browser's own store and a server's, and nothing is lost on the way.
import 'fake-indexeddb/auto';
import { beforeEach, expect, it, vi } from 'vitest';
import type { ChatStore } from '../../src/lib/store/chat_store';
import { IndexedStore } from '../../src/lib/store/indexed_store';
import type { Chat, Message } from '../../src/lib/store/types';
import { exportAll, importFiles } from '../../src/state/transfer.svelte';
import { ui } from '../../src/state/ui.svelte';
import { makePng } from '../e2e/png';
import { serviceForTests } from './service';
import { message } from './store_suite';

const page = vi.hoisted(() => ({ store: null as unknown, saved: null as { name: string; blob: Blob } | null }));
vi.mock('../../src/state/session', () => ({
  get keptStore() {
    return page.store;
  },
}));
vi.mock('../../src/lib/files/save', () => ({
  fileName: (title: string) => title,
  saveFile: (name: string, blob: Blob) => (page.saved = { name, blob }),
}));

const chats = { tookIn: async () => undefined } as unknown as Parameters<typeof importFiles>[0];
const openService = serviceForTests();
let databases = 0;
const openBrowser = () => IndexedStore.open({ name: `transfer ${databases++}` });

beforeEach(() => {
  vi.stubGlobal('window', globalThis);
  ui.note = '';
});

async function exported(store: ChatStore): Promise<File> {
  page.store = store;
  page.saved = null;
  ui.note = '';
  await exportAll();
  expect(ui.note).toBe('');
  return new File([page.saved!.blob], page.saved!.name);
}

async function imported(store: ChatStore, file: File): Promise<void> {
  page.store = store;
  await importFiles(chats, [file]);
}

interface Kept {
  chat: Chat;
  messages: Message[];
}

async function allOf(store: ChatStore): Promise<Kept[]> {
  const list = await store.list({ most: 1000 });
  return Promise.all(list.map(({ id }) => store.get(id)));
}

// Two pictures, one of them in two chats; branches, thoughts, an answer that was stopped; an old chat that is pinned, and
// more than one page of the list.
async function fill(store: ChatStore): Promise<string[]> {
  const names: string[] = [];
  for (const width of [40, 50]) names.push((await store.putPicture(new Blob([new Uint8Array(makePng(width, 30))], { type: 'image/png' }))).sha256);
  const [first, second] = names.map((sha256) => ({ sha256, name: 'cup.png', width: 40, height: 30, detail: 'high' as const, tokens: 7 }));
  const old = await store.create({ title: 'Old and pinned', instructions: 'be kind', folder: 'Letters' });
  await store.change(old.id, { pinned: true });
  const question = message('user', '', 'Which?\u0000 \u{1f344}', { pictures: [first!, second!] });
  const green = message('assistant', question.id, 'Green.', { model: 'small', reasoning: 'Hm.', facts: { finish: 'stop', usage: { prompt_tokens: 7, completion_tokens: 5 }, ttft_ms: 5 } });
  const black = message('assistant', question.id, 'Bla', { state: 'stopped' });
  for (const one of [question, green, black]) await store.add(old.id, one);
  await store.change(old.id, { head: green.id });
  for (let i = 0; i < 110; i++) {
    const { id } = await store.create({ title: `Chat ${i}` });
    await store.add(id, message('user', '', `question ${i}`, i === 3 ? { pictures: [first!] } : {}));
  }
  return names;
}

it('from the browser to a server and back', async () => {
  const browser = await openBrowser();
  const names = await fill(browser);
  const before = await allOf(browser);
  expect(before).toHaveLength(111);
  const service = await openService();
  await imported(service, await exported(browser));
  expect(await allOf(service)).toEqual(before);
  const again = await openBrowser();
  await imported(again, await exported(service));
  expect(await allOf(again)).toEqual(before);
  for (const sha256 of names) {
    const wanted = await browser.picture(sha256);
    for (const store of [service, again]) {
      const found = await store.picture(sha256);
      expect([found.type, await found.arrayBuffer()]).toEqual(['image/png', await wanted.arrayBuffer()]);
    }
  }
  // What is here already comes in a second time under new ids.
  await imported(again, await exported(service));
  expect(await again.list({ most: 1000 })).toHaveLength(222);
}, 60_000);

it('an archive that does not fit leaves whole chats and no half ones', async () => {
  const browser = await openBrowser();
  await fill(browser);
  const file = await exported(browser);
  const full = await openBrowser();
  let room = 50;
  const real = full.import.bind(full);
  full.import = async (...values) => {
    if (room-- <= 0) throw new (await import('../../src/lib/transport/transport')).ApiError(507, 'full', 'no room');
    return real(...values);
  };
  await imported(full, file);
  expect(ui.note).toContain('no room');
  const kept = await allOf(full);
  expect(kept).toHaveLength(50);
  for (const { chat, messages } of kept) expect([chat.messages, chat.head !== '']).toEqual([messages.length, true]);
}, 60_000);
