// SPDX-License-Identifier: Apache-2.0
// The common suite against the browser's own database, then times with many chats; the page's text is the result, as JSON.
import { IndexedStore } from '../../src/lib/store/indexed_store';
import { kUpgrades } from '../../src/lib/store/indexed/schema';
import { message, storeSuite } from '../unit/store_suite';
import { beforeEach, describe, expect, it, runAll } from './harness';

// A PNG of one pixel.
const kPng = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const picture = () => new Blob([Uint8Array.from(atob(kPng), (letter) => letter.charCodeAt(0))], { type: 'image/png' });

let databases = 0;
let last: IndexedStore | null = null;
// The page itself is tried at the same address: nothing is noted for it.
const keeper = { note: null, persist: null };
const open = async () => {
  last?.close();
  indexedDB.deleteDatabase(`thimble:suite:${databases}`);
  last = await IndexedStore.open({ name: `thimble:suite:${++databases}`, keeper });
  return last;
};
storeSuite('IndexedStore', open, picture);

describe('Two stores', () => {
  let one: IndexedStore;
  let two: IndexedStore;
  const name = () => `thimble:suite:${databases}`;
  beforeEach(async () => {
    one = await open();
    two = await IndexedStore.open({ name: name(), keeper });
  });

  it('leave an answer to the one that writes it, and end it when that is gone', async () => {
    const { id: chat } = await one.create({ title: 'Tea' });
    const answer = message('assistant', '', '', { state: 'running' });
    await one.add(chat, answer);
    const journal = await one.journal(chat, answer.id);
    journal!.write({ text: 'one ', reasoning: 'hm', model: 'small', facts: {} });
    await expect(two.journal(chat, answer.id)).rejects.toMatchObject({ status: 409 });
    expect((await two.get(chat)).messages[0]).toMatchObject({ state: 'running', text: 'one ', reasoning: 'hm' });
    journal!.write({ text: 'one two', reasoning: 'hm', model: 'small', facts: {} });
    one.close();
    expect((await two.get(chat)).messages[0]).toMatchObject({ state: 'stopped', text: 'one two', model: 'small' });
    expect(await two.list({ search: 'TWO' })).toHaveLength(1);
    two.close();
  });

  it('give way to one of a newer page', async () => {
    const three = await IndexedStore.open({ name: name(), keeper, upgrades: [...kUpgrades, () => undefined] });
    await expect(one.list({})).rejects.toMatchObject({ status: 409, code: 'outdated' });
    expect(await three.list({})).toHaveLength(0);
    await expect(IndexedStore.open({ name: name(), keeper })).rejects.toMatchObject({ status: 409, code: 'newer' });
    three.close();
  });
});

async function times(): Promise<Record<string, number>> {
  const store = await open();
  const words = Array.from({ length: 400 }, (_, i) => `word${i % 97}`).join(' '); // some 2.6 KB
  let at = performance.now();
  const lap = () => Math.round(-at + (at = performance.now()));
  for (let i = 0; i < 200; i++) {
    const { id } = await store.create({ title: `Chat ${i}` });
    const chat = (await store.get(id)).chat;
    const list = [message('user', '', `question ${i}`)];
    for (let n = 0; n < 19; n++) list.push(message('assistant', list.at(-1)!.id, words));
    await store.delete(id);
    await store.import(chat, list);
  }
  const made = lap();
  await store.list({ most: 100 });
  const listed = lap();
  await store.list({ search: 'nowhere' });
  const searched = lap();
  for (let i = 0; i < 50; i++) await store.change((await store.list({ most: 1 }))[0]!.id, { title: `New ${i}` });
  return { made, listed, searched, changed: lap() / 50 };
}

const result = { ...(await runAll()), locks: 'locks' in navigator, milliseconds: await times() };
document.getElementById('result')!.textContent = JSON.stringify(result);
