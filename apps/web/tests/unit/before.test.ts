// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// The browser's databases of versions before this one are still read (tests/data/v0.5/README.md): opened as that version
// left them, an answer in the middle.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { IndexedStore } from '../../src/lib/store/indexed_store';
import { ask } from '../../src/lib/store/indexed/database';
import { kUpgrades } from '../../src/lib/store/indexed/schema';
import { countsOf } from '../../src/lib/store/rules';
import type { Chat, Message } from '../../src/lib/store/types';

globalThis.IDBKeyRange = IDBKeyRange;

interface Index {
  name: string;
  keyPath: string;
  unique: boolean;
  multiEntry: boolean;
}
interface Table {
  keyPath: string | string[] | null;
  autoIncrement: boolean;
  indexes: Index[];
  rows: Record<string, unknown>[]; // without a key path: {key, value}
}
interface Dump {
  name: string;
  version: number;
  stores: Record<string, Table>;
}

const dump = JSON.parse(readFileSync(join(import.meta.dirname, '../../../../tests/data/v0.5/browser.json'), 'utf8')) as Dump;
const rowsOf = (store: string) => structuredClone(dump.stores[store]!.rows);
const chats = rowsOf('chats') as unknown as Chat[];
const owners = { hold: async () => () => undefined };

// JSON knows no bytes.
function bytesIn(row: Record<string, unknown>): Record<string, unknown> {
  const found = row['bytes'] as { base64: string } | undefined;
  return found ? { ...row, bytes: new Uint8Array(Buffer.from(found.base64, 'base64')).buffer } : row;
}

async function made(factory: IDBFactory): Promise<void> {
  const request = factory.open(dump.name, dump.version);
  request.onupgradeneeded = () => {
    for (const [name, { keyPath, autoIncrement, indexes, rows }] of Object.entries(dump.stores)) {
      const store = request.result.createObjectStore(name, keyPath === null ? { autoIncrement } : { keyPath, autoIncrement });
      for (const { name: index, keyPath: path, unique, multiEntry } of indexes) store.createIndex(index, path, { unique, multiEntry });
      for (const row of rows) {
        if (keyPath === null) store.add(row['value'], row['key'] as IDBValidKey);
        else store.add(bytesIn(row));
      }
    }
  };
  (await ask(request)).close();
}

// A message as the store gives it: without what only its table has.
function given(row: Record<string, unknown>): Message {
  const own = new Set(['seq', 'chat', 'shas', 'running']);
  return Object.fromEntries(Object.entries(row).filter(([name]) => !own.has(name))) as unknown as Message;
}

let factory: IDBFactory;
let store: IndexedStore;
beforeEach(async () => {
  factory = new IDBFactory();
  await made(factory);
  store = await IndexedStore.open({ factory, owners });
});

it('has every chat, its folder, pin, branches and instructions', async () => {
  expect(chats.map(({ title }) => title).sort()).toEqual(['Count.', 'Cups', 'Hello there']);
  const listed = await store.list({ most: 100 });
  expect(listed.map(({ title }) => title)).toEqual(['Cups', 'Count.', 'Hello there']);
  expect(listed[0]).toMatchObject({ pinned: true, folder: 'Letters' });
  for (const chat of chats.filter(({ title }) => title !== 'Count.')) {
    const found = await store.get(chat.id);
    expect(found.chat).toEqual({ ...chat, ...countsOf(found.messages) }); // it kept the sum of all answers' tokens
    expect(found.messages).toEqual(rowsOf('messages').filter((row) => row['chat'] === chat.id).map(given));
  }
  expect(chats.find(({ title }) => title === 'Hello there')!.instructions).toBe('Be kind.');
});

it('stops the answer that was being written, with all that came', async () => {
  const parts = rowsOf('journals');
  expect(parts.length).toBeGreaterThan(2);
  const { messages } = await store.get(chats.find(({ title }) => title === 'Count.')!.id);
  expect(messages.at(-1)).toMatchObject({ id: parts[0]!['message'], state: 'stopped', text: parts.map(({ text }) => text).join(''), model: 'vl-q8_0' });
});

it('has its pictures, and finds words', async () => {
  const pictures = rowsOf('pictures') as unknown as { sha256: string; type: string; size: number }[];
  expect(pictures).toHaveLength(1);
  for (const { sha256, type, size } of pictures) {
    const picture = await store.picture(sha256);
    expect([picture.type, picture.size]).toEqual([type, size]);
    expect(createHash('sha256').update(new Uint8Array(await picture.arrayBuffer())).digest('hex')).toBe(sha256);
  }
  expect((await store.list({ search: 'which cup' })).map(({ title }) => title)).toEqual(['Cups']);
  expect(await store.settings()).toMatchObject({ maxTokens: 3000 });
});

it('can be gone on with', async () => {
  const cups = chats.find(({ title }) => title === 'Cups')!;
  const more: Message = { ...given(rowsOf('messages')[0]!), id: 'x'.repeat(24), parent: cups.head, text: 'And now?', created: Date.now() };
  await store.add(cups.id, more);
  const { chat, messages } = await store.get(cups.id);
  expect([chat.head, chat.messages, messages.length]).toEqual([more.id, cups.messages + 1, cups.messages + 1]);
});

// A step that was published is never changed.
it('had the form that the first step makes', async () => {
  const fresh = new IDBFactory();
  const request = fresh.open('form', 1);
  request.onupgradeneeded = () => void kUpgrades[0]!(request.result, request.transaction!);
  const database = await ask(request);
  const transaction = database.transaction([...database.objectStoreNames]);
  const form = [...database.objectStoreNames].map((name) => {
    const table = transaction.objectStore(name);
    const indexes = [...table.indexNames].map((one) => {
      const { keyPath, unique, multiEntry } = table.index(one);
      return { name: one, keyPath, unique, multiEntry };
    });
    return [name, { keyPath: table.keyPath, autoIncrement: table.autoIncrement, indexes }];
  });
  const before = Object.entries(dump.stores).map(([name, { keyPath, autoIncrement, indexes }]) => [name, { keyPath, autoIncrement, indexes }]);
  expect(form).toEqual(before);
});
