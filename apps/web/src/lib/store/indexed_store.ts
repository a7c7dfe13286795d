// SPDX-License-Identifier: Apache-2.0
// ChatStore over the browser's own database (IndexedDB), for the page that has its engine in itself. It does what the
// service's store does (src/host/chat_store.h), for several tabs at once; answers on their way are in a journal.
import { ApiError } from '../transport/transport';
import type { ChatStore } from './chat_store';
import { IndexedJournal } from './indexed/answer_journal';
import { ask, Database, type DatabaseState, type Upgrade } from './indexed/database';
import { Keeping, keeperHere, type Keeper } from './indexed/keeping';
import { listChats } from './indexed/listing';
import { ownersHere, type Owners } from './indexed/owners';
import { kMostPictureBytes, mediaTypeOf, sha256Of } from './indexed/pictures';
import { settle, unsettled, withJournal } from './indexed/recovery';
import {
  changedRow, chatRow, checkPictures, dropPictures, findMessage, freeTime, messageOf, messageRow, messageRows, newRow,
  partsOf, plain, recount,
} from './indexed/rows';
import { kChanged, kDatabaseName, kUpgrades, type ChatRow, type MessageRow, type PictureRow } from './indexed/schema';
import { looseSince, spaceOf, type ModelSpace } from './indexed/space';
import type { AnswerJournal, Finished } from './journal';
import {
  branchFrom, checkChat, checkChatChange, checkCount, checkMessage, checkMessageChange, checkSettings, checkWhole, countsOf, invalid, isSha256, taken, unknown,
} from './rules';
import {
  newId, type Chat, type ChatChange, type ChatQuery, type ListedChat, type Message, type MessageChange, type NewChat,
  type SettingsRecord, type Space, type StoredPicture,
} from './types';

const kDay = 24 * 60 * 60 * 1000;

// lost: the browser threw away what was kept.
export type StoreState = DatabaseState | 'lost';

export interface IndexedStoreOptions {
  // A picture's size and price. What it refuses (400, 413, 415) is not kept; where it cannot say now, it is without them.
  look?(file: Blob, sha256: string): Promise<Omit<StoredPicture, 'sha256'>>;
  // What models take of this device's room.
  models?(): Promise<ModelSpace>;
  // What a person has to know of the store; `read` is called when they do.
  state?(state: StoreState, read: () => void): void;
  // For tests.
  name?: string;
  factory?: IDBFactory;
  upgrades?: readonly Upgrade[];
  owners?: Owners;
  keeper?: Keeper;
  now?(): number;
}

export class IndexedStore implements ChatStore {
  readonly isJournaled = false;
  private readonly database: Database;
  private readonly owners: Owners;
  private readonly keeping: Keeping;
  private readonly held = new Map<string, () => void>(); // answers that this tab is to finish
  private readonly journals = new Map<string, IndexedJournal>();
  private readonly writing = new Set<string>();
  private readonly stuck = new Set<string>(); // nobody writes them, and there was no room to say so
  private isNew = false;
  private swept = 0;

  private constructor(private readonly options: IndexedStoreOptions) {
    const events = {
      state: (state: DatabaseState) => options.state?.(state, () => undefined),
      made: () => {
        this.isNew = true;
        this.tellLoss();
      },
      closing: () => this.flush(),
    };
    this.database = new Database(options.name ?? kDatabaseName, options.upgrades ?? kUpgrades, events, options.factory);
    this.owners = options.owners ?? ownersHere();
    this.keeping = new Keeping(options.keeper ?? keeperHere());
  }

  // Opens what this browser has, or makes it: 501 where it keeps nothing, 409 ("newer") where a newer page wrote it. Answers
  // that tabs left behind when they ended become stopped messages.
  static async open(options: IndexedStoreOptions = {}): Promise<IndexedStore> {
    const store = new IndexedStore(options);
    // A full disk is no reason not to show what is there.
    await store.recoverAll().catch((error: unknown) => {
      if (!(error instanceof ApiError) || error.status !== 507) throw error;
    });
    if (!store.isNew) store.tellLoss();
    store.watchPage();
    return store;
  }

  // Gives the database back; what was held is free for other tabs.
  close(): void {
    this.flush();
    for (const letGo of this.held.values()) letGo();
    this.held.clear();
    this.database.close();
  }

  list(query: ChatQuery): Promise<ListedChat[]> {
    return this.database.run('readonly', ['chats', 'messages'], (transaction) => listChats(transaction, query));
  }

  async get(id: string): Promise<{ chat: Chat; messages: Message[] }> {
    let found = await this.read(id);
    if (found.running.length > 0 && (await this.recover(found.running))) found = await this.read(id);
    return { chat: found.chat, messages: found.messages };
  }

  async create(given: NewChat): Promise<Chat> {
    checkChat(given);
    this.sweep();
    const made = await this.database.run('readwrite', ['chats'], async (transaction) => {
      const id = given.id || newId();
      const chats = transaction.objectStore('chats');
      if ((await ask(chats.count(id))) > 0) throw taken('chat');
      const updated = await freeTime(transaction, this.now());
      const chat: ChatRow = {
        id, title: given.title ?? '', model: '', instructions: given.instructions ?? '', folder: given.folder ?? '', head: '',
        pinned: false, created: updated, updated, messages: 0, tokens: 0, pictures: 0,
      };
      chats.add(chat);
      return chat;
    });
    void this.keeping.noteChat();
    return made;
  }

  change(id: string, change: ChatChange): Promise<Chat> {
    return this.database.run('readwrite', ['chats', 'messages'], async (transaction) => {
      checkChatChange(change);
      const chat = await chatRow(transaction, id);
      if (change.head) await messageRow(transaction, id, change.head);
      const { title, instructions, folder, head, pinned } = plain(change);
      Object.assign(chat, plain({ title, instructions, folder, head, pinned }));
      // To order chats is no change of what they say.
      if (title !== undefined || instructions !== undefined) chat.updated = await freeTime(transaction, this.now());
      transaction.objectStore('chats').put(chat);
      return chat;
    });
  }

  async delete(id: string): Promise<void> {
    const gone = await this.database.run('readwrite', kChanged, async (transaction) => {
      await chatRow(transaction, id);
      const rows = await messageRows(transaction, id);
      transaction.objectStore('chats').delete(id);
      await this.removeRows(transaction, rows);
      return rows;
    });
    for (const row of gone) this.letGo(row.id);
  }

  async add(id: string, message: Message): Promise<void> {
    checkMessage(message);
    // Before anybody can see the message: whoever finds it on its way finds that somebody will write it.
    if (message.state === 'running') await this.hold(message.id);
    try {
      await this.database.run('readwrite', ['chats', 'messages', 'pictures'], async (transaction) => {
        const chat = await chatRow(transaction, id);
        if (await findMessage(transaction, message.id)) throw taken('message');
        if (message.parent !== '') await messageRow(transaction, id, message.parent);
        checkCount(chat.messages + 1);
        const row = newRow(id, { ...message, created: message.created || this.now() });
        await checkPictures(transaction, row.shas);
        await ask(transaction.objectStore('messages').add(row));
        await recount(transaction, chat, [], [row]);
        Object.assign(chat, { head: row.id, model: row.model || chat.model, updated: await freeTime(transaction, this.now()) });
        transaction.objectStore('chats').put(chat);
      });
    } catch (error) {
      if (message.state === 'running') this.letGo(message.id);
      throw error;
    }
  }

  async changeMessage(id: string, messageId: string, change: MessageChange): Promise<void> {
    checkMessageChange(change);
    const holds = change.state === 'running' && !this.held.has(messageId);
    if (holds) await this.hold(messageId);
    try {
      await this.database.run('readwrite', kChanged, (transaction) => this.replaceMessage(transaction, id, messageId, change));
    } catch (error) {
      if (holds) this.letGo(messageId);
      throw error;
    }
    // Nobody will write it any more.
    if (change.state !== undefined && change.state !== 'running') this.letGo(messageId);
  }

  async deleteMessage(id: string, messageId: string): Promise<void> {
    const gone = await this.database.run('readwrite', kChanged, async (transaction) => {
      const chat = await chatRow(transaction, id);
      const first = await messageRow(transaction, id, messageId);
      const rows = await messageRows(transaction, id);
      const names = branchFrom(rows, messageId);
      const removed = rows.filter((row) => names.has(row.id));
      await this.removeRows(transaction, removed);
      await recount(transaction, chat, removed, []);
      if (names.has(chat.head)) chat.head = first.parent;
      chat.updated = await freeTime(transaction, this.now());
      transaction.objectStore('chats').put(chat);
      return names;
    });
    for (const name of gone) this.letGo(name);
  }

  async import(given: Chat, list: Message[]): Promise<Chat> {
    checkChat(given);
    const head = checkWhole(given, list);
    const made = await this.database.run('readwrite', ['chats', 'messages', 'pictures'], async (transaction) => {
      const isTaken = !given.id || (await ask(transaction.objectStore('chats').count(given.id))) > 0;
      const now = this.now();
      const chat: ChatRow = {
        id: isTaken ? newId() : given.id, title: given.title, model: given.model, instructions: given.instructions, folder: given.folder,
        head: '', pinned: given.pinned, created: Math.min(given.created || now, now),
        updated: await freeTime(transaction, Math.min(given.updated || now, now)), messages: 0, tokens: 0, pictures: 0,
      };
      const names = new Map([['', '']]);
      const rows: Omit<MessageRow, 'seq'>[] = [];
      for (const message of list) {
        names.set(message.id, (await findMessage(transaction, message.id)) ? newId() : message.id);
        const state = message.state === 'running' ? 'stopped' : message.state;
        const row = newRow(chat.id, { ...message, id: names.get(message.id)!, parent: names.get(message.parent)!, state });
        await checkPictures(transaction, row.shas);
        await ask(transaction.objectStore('messages').add(row));
        rows.push(row);
      }
      await recount(transaction, chat, [], rows);
      chat.head = names.get(head)!;
      transaction.objectStore('chats').add(chat);
      return plain(chat);
    });
    void this.keeping.noteChat();
    return made;
  }

  async journal(chat: string, message: string): Promise<AnswerJournal> {
    const busy = () => new ApiError(409, 'busy', 'another tab writes this answer, or nobody does any more');
    if (this.writing.has(message)) throw busy();
    this.writing.add(message);
    try {
      if (!this.held.has(message)) await this.hold(message);
      const row = await this.database.run('readonly', ['messages'], (transaction) => messageRow(transaction, chat, message));
      if (row.state !== 'running') throw busy();
    } catch (error) {
      this.letGo(message);
      throw error;
    }
    const journal = new IndexedJournal(this.database, message, (answer) => this.finish(chat, message, answer));
    this.journals.set(message, journal);
    return journal;
  }

  async putPicture(file: Blob): Promise<StoredPicture> {
    if (file.size > kMostPictureBytes) throw new ApiError(413, 'too_large', `a picture may have ${kMostPictureBytes} bytes`);
    const bytes = await file.arrayBuffer();
    const type = mediaTypeOf(new Uint8Array(bytes.slice(0, 32)));
    if (!type) throw invalid('this is no picture that can be read');
    const sha256 = await sha256Of(bytes);
    const looked = await this.look(new Blob([bytes], { type }), sha256);
    await this.database.run('readwrite', ['pictures'], async (transaction) => {
      const row: PictureRow = { sha256, type, size: bytes.byteLength, added: this.now(), bytes };
      transaction.objectStore('pictures').put(row);
    });
    return { ...looked, sha256 };
  }

  async picture(sha256: string): Promise<Blob> {
    if (!isSha256(sha256)) throw unknown('picture');
    const row = await this.database.run('readonly', ['pictures'], (transaction) => ask<PictureRow | undefined>(transaction.objectStore('pictures').get(sha256)));
    if (!row) throw unknown('picture');
    if ((await sha256Of(row.bytes)) !== sha256) throw new ApiError(500, 'damaged', 'this picture is damaged');
    return new Blob([row.bytes], { type: row.type });
  }

  async settings(): Promise<SettingsRecord> {
    const kept = await this.database.run('readonly', ['settings'], (transaction) => ask<unknown>(transaction.objectStore('settings').get('page')));
    return (kept ?? {}) as SettingsRecord;
  }

  async setSettings(settings: SettingsRecord): Promise<void> {
    checkSettings(settings);
    const value = plain(settings);
    await this.database.send(['settings'], (transaction) => void transaction.objectStore('settings').put(value, 'page'));
  }

  async space(): Promise<Space> {
    const kept = await this.database.run('readonly', ['chats', 'messages', 'pictures'], spaceOf);
    const models = (await this.options.models?.().catch(() => null)) ?? { models: 0, packs: 0 };
    return { ...models, ...kept, backups: 0 };
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }

  private read(id: string): Promise<{ chat: Chat; messages: Message[]; running: string[] }> {
    return this.database.run('readonly', ['chats', 'messages', 'journals'], async (transaction) => {
      const chat = await chatRow(transaction, id);
      const messages: Message[] = [];
      const running: string[] = [];
      for (const row of await messageRows(transaction, id)) {
        if (row.state === 'running') running.push(row.id);
        messages.push(messageOf(row.state === 'running' ? await withJournal(transaction, row, this.stuck.has(row.id)) : row));
      }
      // Version 0.5 kept other numbers; what is here is counted.
      return { chat: { ...chat, ...countsOf(messages) }, messages, running };
    });
  }

  private async replaceMessage(transaction: IDBTransaction, id: string, messageId: string, change: MessageChange): Promise<void> {
    const chat = await chatRow(transaction, id);
    const before = await messageRow(transaction, id, messageId);
    const after = changedRow(before, change);
    if (change.pictures) await checkPictures(transaction, after.shas);
    await ask(transaction.objectStore('messages').put(after));
    if (change.pictures) await dropPictures(transaction, before.shas);
    if (after.state !== 'running') transaction.objectStore('journals').delete(partsOf(messageId));
    await recount(transaction, chat, [before], [after]);
    Object.assign(chat, { model: change.model || chat.model, updated: await freeTime(transaction, this.now()) });
    transaction.objectStore('chats').put(chat);
  }

  private async removeRows(transaction: IDBTransaction, rows: MessageRow[]): Promise<void> {
    for (const row of rows) {
      transaction.objectStore('messages').delete(row.seq);
      if (row.state === 'running') transaction.objectStore('journals').delete(partsOf(row.id));
    }
    await dropPictures(transaction, rows.flatMap(({ shas }) => shas));
  }

  private async look(file: Blob, sha256: string): Promise<Omit<StoredPicture, 'sha256'>> {
    try {
      if (this.options.look) return await this.options.look(file, sha256);
    } catch (error) {
      const isRefused = error instanceof ApiError && [400, 413, 415].includes(error.status) && error.code !== 'model_is_blind';
      if (isRefused) throw error;
    }
    return { width: 0, height: 0, tokens: null, seconds: 0 };
  }

  private async hold(message: string): Promise<void> {
    const letGo = await this.owners.hold(message);
    if (!letGo) throw new ApiError(409, 'busy', 'another tab writes this answer');
    this.held.set(message, letGo);
  }

  private letGo(message: string): void {
    this.held.get(message)?.();
    this.held.delete(message);
    this.journals.delete(message);
    this.writing.delete(message);
  }

  private async finish(chat: string, message: string, { text, reasoning, model, state, facts }: Finished): Promise<void> {
    try {
      await this.changeMessage(chat, message, { text, reasoning, model, state, facts });
    } finally {
      this.letGo(message);
    }
  }

  // Ends those of these answers that nobody writes; whether there were any.
  private async recover(answers: string[]): Promise<boolean> {
    let found = false;
    for (const answer of answers) {
      const letGo = await this.owners.hold(answer);
      if (!letGo) continue;
      found = true;
      try {
        await this.database.run('readwrite', ['messages', 'journals'], (transaction) => settle(transaction, answer));
        this.stuck.delete(answer);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 507) throw error;
        this.stuck.add(answer);
      } finally {
        letGo();
      }
    }
    return found;
  }

  private async recoverAll(): Promise<void> {
    await this.recover(await this.database.run('readonly', ['messages', 'journals'], unsettled));
    this.sweep();
  }

  // Pictures that were never sent, or whose import ended in the middle, go after a day. Nobody waits for it.
  private sweep(): void {
    if (this.now() - this.swept < kDay) return;
    this.swept = this.now();
    const tables = ['messages', 'pictures'];
    void this.database
      .run('readonly', tables, (transaction) => looseSince(transaction, this.swept - kDay))
      .then(async (loose) => {
        if (loose.length === 0) return;
        await this.database.run('readwrite', tables, async (transaction) => dropPictures(transaction, await looseSince(transaction, this.swept - kDay)));
      })
      .catch(() => undefined);
  }

  // The browser may do it while the page is open, too.
  private tellLoss(): void {
    if (this.keeping.hasLost(this.isNew)) this.options.state?.('lost', () => this.keeping.forgetLoss());
  }

  private flush(): void {
    for (const journal of this.journals.values()) journal.flush();
  }

  // A page that is hidden may never be seen again, and is told no more.
  private watchPage(): void {
    if (typeof document === 'undefined') return;
    document.addEventListener('visibilitychange', () => this.flush());
    window.addEventListener('pagehide', () => this.flush());
  }
}
