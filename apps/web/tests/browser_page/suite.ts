// SPDX-License-Identifier: Apache-2.0
// The common suite against the browser's own database, then times with many chats; the page's text is the result, as JSON.
import { IndexedStore } from '../../src/lib/store/indexed_store';
import { storeSuite, message } from '../unit/store_suite';
import { runAll } from './harness';

// A PNG of one pixel.
const kPng = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const picture = () => new Blob([Uint8Array.from(atob(kPng), (letter) => letter.charCodeAt(0))], { type: 'image/png' });

let databases = 0;
let last: IndexedStore | null = null;
const open = async () => {
  last?.close();
  indexedDB.deleteDatabase(`thimble:suite:${databases}`);
  last = await IndexedStore.open({ name: `thimble:suite:${++databases}` });
  return last;
};
storeSuite('IndexedStore', open, picture);

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
