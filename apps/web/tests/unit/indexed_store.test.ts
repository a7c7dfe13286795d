// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// What the store in the browser's database does beyond the common suite: several tabs, answers whose tab ended, a full
// disk, upgrades, what the browser threw away.
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { AnswerJournal } from '../../src/lib/store/journal';
import { IndexedStore, type IndexedStoreOptions, type StoreState } from '../../src/lib/store/indexed_store';
import { ask, moveStore, type Upgrade } from '../../src/lib/store/indexed/database';
import { kNote } from '../../src/lib/store/indexed/keeping';
import type { Owners } from '../../src/lib/store/indexed/owners';
import { kDatabaseName, kUpgrades } from '../../src/lib/store/indexed/schema';
import type { Message } from '../../src/lib/store/types';
import { ApiError } from '../../src/lib/transport/transport';
import { makePng } from '../e2e/png';
import { message } from './store_suite';

globalThis.IDBKeyRange = IDBKeyRange;
const picture = (width = 40) => new Blob([new Uint8Array(makePng(width, 30))], { type: 'image/png' });

// One browser: its database, its locks, its local storage. Tabs end as killed ones do: their locks are free, and nothing
// of theirs runs on.
class Browser {
  factory = new IDBFactory();
  readonly note = new Map<string, string>();
  private readonly locks = new Map<string, symbol>();
  readonly states: StoreState[] = [];
  read: () => void = () => undefined;
  asked = 0;

  async tab(options: IndexedStoreOptions = {}): Promise<{ store: IndexedStore; kill: () => void }> {
    const tab = Symbol('tab');
    const owners: Owners = {
      hold: async (answer) => {
        if (this.locks.has(answer)) return null;
        this.locks.set(answer, tab);
        return () => this.locks.delete(answer);
      },
    };
    const store = await IndexedStore.open({
      factory: this.factory,
      owners,
      keeper: {
        note: { getItem: (key) => this.note.get(key) ?? null, setItem: (key, value) => void this.note.set(key, value) },
        persist: async () => ++this.asked > 0,
      },
      state: (state, read) => {
        this.states.push(state);
        this.read = read;
      },
      ...options,
    });
    const kill = () => {
      for (const [answer, owner] of this.locks) if (owner === tab) this.locks.delete(answer);
    };
    return { store, kill };
  }

  // The tables themselves.
  async tables<T>(mode: IDBTransactionMode, names: string[], work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    const database = await ask(this.factory.open(kDatabaseName));
    try {
      return await work(database.transaction(names, mode));
    } finally {
      database.close();
    }
  }
}

let browser: Browser;
beforeEach(() => {
  browser = new Browser();
});

const grown = (text: string, more: Partial<Message> = {}) => ({ text, reasoning: '', model: 'small', facts: {}, ...more });
const parts = () => browser.tables('readonly', ['journals'], (transaction) => ask(transaction.objectStore('journals').getAll()));

// A chat whose answer is on its way.
async function running(store: IndexedStore): Promise<{ chat: string; id: string; journal: AnswerJournal }> {
  const { id: chat } = await store.create({ title: 'Tea' });
  const question = message('user', '', 'Count.');
  const answer = message('assistant', question.id, '', { state: 'running' });
  await store.add(chat, question);
  await store.add(chat, answer);
  return { chat, id: answer.id, journal: await store.journal(chat, answer.id) };
}
const last = async (store: IndexedStore, chat: string) => (await store.get(chat)).messages.at(-1)!;

describe('An answer on its way', () => {
  it('comes piece by piece, and others see it grow', async () => {
    const { store } = await browser.tab();
    const other = (await browser.tab()).store;
    const { chat, journal } = await running(store);
    expect(await last(other, chat)).toMatchObject({ state: 'running', text: '' });
    journal.write(grown('', { reasoning: 'hm' }));
    journal.write(grown('one ', { reasoning: 'hm' }));
    journal.flush();
    expect(await last(other, chat)).toMatchObject({ state: 'running', text: 'one ', reasoning: 'hm', model: 'small' });
    journal.write(grown('one two', { reasoning: 'hm' }));
    await journal.finish({ ...grown('one two', { reasoning: 'hm', facts: { finish: 'stop' } }), state: 'done' });
    expect(await last(other, chat)).toMatchObject({ state: 'done', text: 'one two', reasoning: 'hm', facts: { finish: 'stop' } });
    expect(await parts()).toEqual([]);
    expect(await other.list({ search: 'two' })).toHaveLength(1);
  });

  it('is written at most every 25 ms, and at once when it is asked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const { store } = await browser.tab();
      const { journal } = await running(store);
      for (let i = 1; i <= 20; i++) {
        journal.write(grown('x'.repeat(i)));
        vi.advanceTimersByTime(10);
      }
      expect((await parts()).map((part) => (part as { text: string }).text.length)).toEqual([1, 2, 2, 3, 2, 3, 2, 3, 2]);
      journal.write(grown('x'.repeat(23)));
      journal.flush();
      expect((await parts()).map((part) => (part as { text: string }).text.length)).toEqual([1, 2, 2, 3, 2, 3, 2, 3, 2, 3]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('is left alone while its tab lives, and stopped with all that came when it ended', async () => {
    const first = await browser.tab();
    const { chat, id, journal } = await running(first.store);
    journal.write(grown('one two', { reasoning: 'hm', facts: { ttft_ms: 5 } }));
    const { store } = await browser.tab();
    expect(await last(store, chat)).toMatchObject({ state: 'running', text: 'one two' });
    await expect(store.journal(chat, id)).rejects.toMatchObject({ status: 409 });
    await expect(store.changeMessage(chat, id, { state: 'running' })).rejects.toMatchObject({ status: 409 });
    first.kill();
    // Found while the store is open, and searchable at once.
    expect(await last(store, chat)).toMatchObject({ state: 'stopped', text: 'one two', reasoning: 'hm', model: 'small', facts: { ttft_ms: 5 } });
    expect(await store.list({ search: 'two' })).toHaveLength(1);
    expect(await parts()).toEqual([]);
  });

  it('is stopped at the next start, also one that never began', async () => {
    const first = await browser.tab();
    const { chat } = await running(first.store);
    first.kill();
    const { store } = await browser.tab();
    const rows = await browser.tables('readonly', ['messages'], (transaction) => ask(transaction.objectStore('messages').getAll()));
    expect(rows.map(({ state }: Message) => state)).toEqual(['done', 'stopped']);
    expect(await last(store, chat)).toMatchObject({ state: 'stopped', text: '' });
  });

  it('has its end though its tab went before the message got it', async () => {
    const first = await browser.tab();
    const { chat, journal } = await running(first.store);
    journal.write(grown('one '));
    // The page is left: what has begun by then goes on, and nothing more.
    const real = first.store.changeMessage;
    first.store.changeMessage = () => new Promise(() => undefined);
    void journal.finish({ ...grown('one two', { facts: { finish: 'stop' } }), state: 'done' });
    first.store.changeMessage = real;
    first.kill();
    const { store } = await browser.tab();
    expect(await last(store, chat)).toMatchObject({ state: 'done', text: 'one two', facts: { finish: 'stop' } });
    expect(await parts()).toEqual([]);
  });

  it('can be continued behind what is there', async () => {
    const first = await browser.tab();
    const { chat, id, journal } = await running(first.store);
    journal.write(grown('one '));
    first.kill();
    const { store, kill } = await browser.tab();
    await store.changeMessage(chat, id, { state: 'running' });
    const again = await store.journal(chat, id);
    expect(await last(store, chat)).toMatchObject({ state: 'running', text: 'one ' });
    again.write(grown('one two '));
    again.write(grown('one two three'));
    again.flush();
    kill();
    expect(await last((await browser.tab()).store, chat)).toMatchObject({ state: 'stopped', text: 'one two three' });
  });

  it('keeps what was written when all parts come again, and takes other words in their place', async () => {
    const first = await browser.tab();
    const { chat, journal } = await running(first.store);
    const put = (text: string) => {
      journal.write(grown(text));
      journal.flush();
    };
    for (const text of ['one two', '', 'one', 'one two three']) put(text);
    expect(await last(first.store, chat)).toMatchObject({ text: 'one two three' });
    put('another');
    expect(await last(first.store, chat)).toMatchObject({ text: 'another' });
    expect(await parts()).toHaveLength(1);
  });

  it('is read up to the first piece that is missing or broken', async () => {
    const first = await browser.tab();
    const { chat, id, journal } = await running(first.store);
    for (const text of ['one ', 'one two ', 'one two three ', 'one two three four']) {
      journal.write(grown(text));
      journal.flush();
    }
    await browser.tables('readwrite', ['journals'], async (transaction) => {
      await ask(transaction.objectStore('journals').put({ message: id, n: 2, text: 7 }));
    });
    first.kill();
    expect(await last((await browser.tab()).store, chat)).toMatchObject({ state: 'stopped', text: 'one two ' });
  });

  it('leaves nothing behind when its chat is deleted', async () => {
    const { store } = await browser.tab();
    const { chat, journal } = await running(store);
    journal.write(grown('one'));
    await store.delete(chat);
    expect(await parts()).toEqual([]);
    await expect(journal.finish({ ...grown('one two'), state: 'done' })).rejects.toMatchObject({ status: 404 });
    // Pieces of messages that are gone go at the next start.
    await browser.tables('readwrite', ['journals'], (transaction) => ask(transaction.objectStore('journals').put({ message: 'x', n: 0, text: 'stray', reasoning: '', model: '', facts: {} })));
    await browser.tab();
    expect(await parts()).toEqual([]);
  });
});

describe('A full disk', () => {
  // From here on the tables named take nothing more.
  function fill(...tables: string[]) {
    const full = () => {
      throw new DOMException('no room', 'QuotaExceededError');
    };
    const real = { put: IDBObjectStore_.put, add: IDBObjectStore_.add };
    for (const name of ['put', 'add'] as const) {
      IDBObjectStore_[name] = function (this: IDBObjectStore, ...values: [unknown]) {
        return tables.includes(this.name) ? full() : real[name].apply(this, values);
      };
    }
    return () => Object.assign(IDBObjectStore_, real);
  }
  let IDBObjectStore_: { put: (...values: [unknown]) => IDBRequest; add: (...values: [unknown]) => IDBRequest };
  beforeEach(async () => {
    await browser.tab();
    IDBObjectStore_ = await browser.tables('readonly', ['chats'], async (transaction) => Object.getPrototypeOf(transaction.objectStore('chats')));
  });

  it('is told of, and changes nothing', async () => {
    const { store } = await browser.tab();
    const { id } = await store.create({ title: 'Tea' });
    const first = message('user', '', 'here');
    await store.add(id, first);
    const before = await store.get(id);
    const empty = fill('chats'); // the last table that adding a message changes
    try {
      await expect(store.add(id, message('user', first.id, 'more'))).rejects.toMatchObject({ status: 507 });
      await expect(store.import({ ...before.chat }, before.messages)).rejects.toMatchObject({ status: 507 });
      await expect(store.deleteMessage(id, first.id)).rejects.toMatchObject({ status: 507 });
    } finally {
      empty();
    }
    expect(await store.get(id)).toEqual(before);
    const full = fill('pictures');
    await expect(store.putPicture(picture())).rejects.toMatchObject({ status: 507 });
    full();
    await store.add(id, message('user', first.id, 'more'));
  });

  it('loses nothing of an answer', async () => {
    const first = await browser.tab();
    const { chat, journal } = await running(first.store);
    const empty = fill('messages');
    journal.write(grown('one '));
    await expect(journal.finish({ ...grown('one two'), state: 'done' })).rejects.toMatchObject({ status: 507 });
    first.kill();
    // Shown as what it is, though that cannot be kept.
    const { store } = await browser.tab();
    expect(await last(store, chat)).toMatchObject({ state: 'done', text: 'one two' });
    expect(await parts()).not.toEqual([]);
    empty();
    expect(await last(store, chat)).toMatchObject({ state: 'done', text: 'one two' });
    expect(await parts()).toEqual([]);
  });

  it('does not end a journal: the next piece has what was not taken', async () => {
    const { store } = await browser.tab();
    const { chat, journal } = await running(store);
    const empty = fill('journals');
    journal.write(grown('one '));
    journal.flush();
    await new Promise((resolve) => setTimeout(resolve));
    empty();
    journal.write(grown('one two'));
    journal.flush();
    expect(await last(store, chat)).toMatchObject({ text: 'one two' });
  });
});

describe('Pictures', () => {
  it('have the name of their bytes, and are kept once', async () => {
    const { store } = await browser.tab({ look: async (file) => ({ width: file.size, height: 2, tokens: { low: 1, auto: 2, high: 3 }, seconds: 1 }) });
    const bytes = new Uint8Array(await picture().arrayBuffer());
    const { createHash } = await import('node:crypto');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    // What it is said to be is not asked.
    expect(await store.putPicture(new Blob([bytes]))).toEqual({ sha256, width: bytes.length, height: 2, tokens: { low: 1, auto: 2, high: 3 }, seconds: 1 });
    await store.putPicture(picture());
    expect((await store.space()).pictures).toBe(bytes.length);
    const back = await store.picture(sha256);
    expect([back.type, new Uint8Array(await back.arrayBuffer())]).toEqual(['image/png', bytes]);
    await expect(store.putPicture(new Blob(['<svg/>'], { type: 'image/svg+xml' }))).rejects.toMatchObject({ status: 400 });
    await expect(store.picture('../../token')).rejects.toMatchObject({ status: 404 });
  });

  it('that the engine refuses are not kept; those that it cannot look at now are', async () => {
    let status = 400;
    const { store } = await browser.tab({
      look: async () => {
        throw new ApiError(status, status === 403 ? 'model_is_blind' : '', 'no');
      },
    });
    await expect(store.putPicture(picture())).rejects.toMatchObject({ status: 400 });
    expect((await store.space()).pictures).toBe(0);
    status = 503;
    expect(await store.putPicture(picture())).toMatchObject({ tokens: null });
    expect((await store.space()).pictures).toBeGreaterThan(0);
  });

  it('that nobody names go after a day', async () => {
    let now = 1_764_478_920_000;
    const open = async () => (await browser.tab({ now: () => now })).store;
    const loose = await (await open()).putPicture(picture(41));
    const store = await open();
    const { id } = await store.create({});
    const named = await store.putPicture(picture(42));
    await store.add(id, message('user', '', 'see', { pictures: [{ ...named, name: 'p', detail: 'auto', tokens: 1 }] }));
    now += 18 * 3_600_000;
    const fresh = await (await open()).putPicture(picture(43));
    expect((await store.picture(loose.sha256)).size).toBeGreaterThan(0);
    now += 18 * 3_600_000;
    await open();
    await expect.poll(() => store.picture(loose.sha256).then(() => 'here', ({ status }: ApiError) => status)).toBe(404);
    expect((await store.picture(fresh.sha256)).size).toBeGreaterThan(0);
    expect((await store.picture(named.sha256)).size).toBeGreaterThan(0);
  });

  it('that are damaged are told apart', async () => {
    const { store } = await browser.tab();
    const { sha256 } = await store.putPicture(picture());
    await browser.tables('readwrite', ['pictures'], async (transaction) => {
      const row = (await ask(transaction.objectStore('pictures').get(sha256))) as { bytes: ArrayBuffer };
      new Uint8Array(row.bytes)[20]! ^= 1;
      await ask(transaction.objectStore('pictures').put(row));
    });
    await expect(store.picture(sha256)).rejects.toMatchObject({ status: 500, code: 'damaged' });
  });
});

describe('Two tabs', () => {
  it('have the same chats', async () => {
    const [one, two] = [(await browser.tab()).store, (await browser.tab()).store];
    const { id } = await one.create({ title: 'Tea' });
    const first = message('user', '', 'from the one');
    await one.add(id, first);
    await two.add(id, message('assistant', first.id, 'from the other'));
    expect((await one.get(id)).messages.map(({ text }) => text)).toEqual(['from the one', 'from the other']);
    await two.delete(id);
    await expect(one.get(id)).rejects.toMatchObject({ status: 404 });
    await expect(one.add(id, message('user', '', 'x'))).rejects.toMatchObject({ status: 404 });
  });

  it('that change one chat at once lose nothing', async () => {
    const [one, two] = [(await browser.tab()).store, (await browser.tab()).store];
    const { id } = await one.create({ title: 'Tea' });
    await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? one : two).add(id, message('user', '', `${i}`))));
    expect((await one.get(id)).chat.messages).toBe(20);
    const times = (await Promise.all(Array.from({ length: 10 }, (_, i) => (i % 2 ? one : two).create({})))).map(({ updated }) => updated);
    expect(new Set(times).size).toBe(10); // or pages of the list would overlap
  });
});

describe('Versions of the database', () => {
  // The next version that is to come: messages in a table of another form.
  const second = (change: (record: unknown) => unknown): Upgrade => (database, transaction) => {
    database.createObjectStore('notes', { keyPath: 'id' });
    return moveStore(database, transaction, 'settings', 'notes', change);
  };

  it('are made anew by steps that copy and count', async () => {
    const { store } = await browser.tab();
    await store.setSettings({ theme: 'dark' });
    store.close();
    await browser.tab({ upgrades: [...kUpgrades, second((record) => ({ id: 'page', value: record }))] });
    const notes = await browser.tables('readonly', ['notes'], (transaction) => ask(transaction.objectStore('notes').getAll()));
    expect(notes).toEqual([{ id: 'page', value: { theme: 'dark' } }]);
  });

  it('stay as they were when a step fails', async () => {
    const { store } = await browser.tab();
    await store.setSettings({ theme: 'dark' });
    const { id } = await store.create({ title: 'Tea' });
    store.close();
    await expect(browser.tab({ upgrades: [...kUpgrades, second(() => { throw new Error('cannot be read'); })] })).rejects.toMatchObject({ status: 500 });
    await expect(browser.tab({ upgrades: [...kUpgrades, second(() => ({ noKey: true }))] })).rejects.toMatchObject({ status: 500 });
    const again = (await browser.tab()).store;
    expect(await again.settings()).toEqual({ theme: 'dark' });
    expect((await again.get(id)).chat.title).toBe('Tea');
  });

  it('are given up by tabs with an older page, which say so', async () => {
    const { store } = await browser.tab();
    const { chat, journal } = await running(store);
    journal.write(grown('one '));
    journal.write(grown('one two')); // not written yet
    const newer = (await browser.tab({ upgrades: [...kUpgrades, () => undefined] })).store;
    expect(browser.states).toEqual(['outdated']);
    await expect(store.list({})).rejects.toMatchObject({ status: 409, code: 'outdated' });
    expect(await last(newer, chat)).toMatchObject({ text: 'one two', state: 'running' });
    // A page that is older than the database.
    await expect(browser.tab()).rejects.toMatchObject({ status: 409, code: 'newer' });
  });

  it('wait for a tab that does not let go, and say so', async () => {
    await browser.tab();
    const stubborn = await ask(browser.factory.open(kDatabaseName));
    const waiting = browser.tab({ upgrades: [...kUpgrades, () => undefined] });
    await expect.poll(() => browser.states).toContain('blocked');
    stubborn.close();
    await waiting;
    expect(browser.states.at(-1)).toBe('open');
  });

  it('are none where the browser has no database', async () => {
    await expect(browser.tab({ factory: { open: () => { throw new DOMException('no', 'SecurityError'); } } as unknown as IDBFactory })).rejects.toMatchObject({ status: 501 });
  });
});

describe('What the browser throws away', () => {
  it('is told of until somebody has read it', async () => {
    const { store } = await browser.tab();
    expect(browser.asked).toBe(0);
    await store.create({});
    await store.create({});
    expect([browser.asked, browser.note.get(kNote)]).toEqual([1, 'yes']);
    await browser.tab();
    expect(browser.states).toEqual([]);
    browser.factory = new IDBFactory();
    await browser.tab();
    await browser.tab();
    expect(browser.states).toEqual(['lost', 'lost']);
    browser.read();
    await browser.tab();
    expect(browser.states).toHaveLength(2);
  });

  it('is not missed where a person deleted all chats', async () => {
    const { store } = await browser.tab();
    await store.delete((await store.create({})).id);
    await browser.tab();
    expect(browser.states).toEqual([]);
  });

  it('waits for no answer to whether it may keep', async () => {
    const { store } = await browser.tab({ keeper: { note: { getItem: () => null, setItem: () => undefined }, persist: () => new Promise(() => undefined) } });
    expect((await store.create({ title: 'Tea' })).title).toBe('Tea');
  });

  it('comes back under the same connection when somebody clears the data', async () => {
    const { store } = await browser.tab();
    await store.create({ title: 'Tea' });
    await ask(browser.factory.deleteDatabase(kDatabaseName) as unknown as IDBRequest<unknown>);
    expect(await store.list({})).toEqual([]);
    expect(browser.states).toEqual(['lost']);
    await store.create({ title: 'Milk' });
    expect(await store.list({})).toHaveLength(1);
  });
});
