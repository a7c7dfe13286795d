// SPDX-License-Identifier: Apache-2.0
// ChatStore in memory: a chat that is not kept, a service without a store, and tests.
import { ApiError } from '../transport/transport';
import type { ChatStore } from './chat_store';
import type { AnswerJournal } from './journal';
import {
  branchFrom, checkChat, checkChatChange, checkCount, checkMessage, checkMessageChange, checkSettings, checkWhole, countsOf, invalid, taken,
  unknown,
} from './rules';
import { pageOf } from './page_of';
import { excerptOf, hasWords, readSearch } from './search';
import {
  newId, type Chat, type ChatChange, type ChatQuery, type ListedChat, type Message, type MessageChange, type NewChat,
  type SettingsRecord, type Space, type StoredPicture,
} from './types';

interface Kept {
  chat: Chat;
  messages: Map<string, Message>;
}

const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export class MemoryStore implements ChatStore {
  readonly isJournaled = false;
  private readonly chats = new Map<string, Kept>();
  private readonly pictures = new Map<string, Blob>();
  private readonly writing = new Set<string>();
  private kept: SettingsRecord = {};
  private clock = 0;

  // `send` gives a picture's size and price, and its name; without it pictures get names of this store's own.
  constructor(private readonly send?: (file: Blob) => Promise<StoredPicture>) {}

  has(id: string): boolean {
    return this.chats.has(id);
  }

  async list(query: ChatQuery): Promise<ListedChat[]> {
    const words = readSearch(query.search ?? '');
    const listed = pageOf([...this.chats.values()].map(({ chat }) => chat), query);
    const found: ListedChat[] = [];
    for (const chat of listed.candidates) {
      const hit = words.length > 0 ? findHit(this.find(chat.id), words) : undefined;
      if (words.length > 0 && !hit) continue;
      found.push(hit ? { ...copy(chat), hit } : copy(chat));
      if (listed.isFull(found)) break;
    }
    return found;
  }

  async get(id: string) {
    const { chat, messages } = this.find(id);
    return copy({ chat, messages: [...messages.values()] });
  }

  async create(given: NewChat): Promise<Chat> {
    checkChat(given);
    const id = given.id || newId();
    if (this.chats.has(id)) throw taken('chat');
    const now = this.now();
    const chat: Chat = {
      id, title: given.title ?? '', model: '', instructions: given.instructions ?? '', folder: given.folder ?? '', head: '',
      pinned: false, created: now, updated: now, messages: 0, tokens: 0, pictures: 0,
    };
    this.chats.set(id, { chat, messages: new Map() });
    return copy(chat);
  }

  async change(id: string, change: ChatChange) {
    checkChatChange(change);
    const { chat, messages } = this.find(id);
    if (change.head && !messages.has(change.head)) throw unknown('message');
    Object.assign(chat, copy(change));
    // To order chats is no change of what they say.
    if (change.title !== undefined || change.instructions !== undefined) chat.updated = this.now();
    return copy(chat);
  }

  async delete(id: string) {
    const { messages } = this.find(id);
    this.chats.delete(id);
    this.dropPictures([...messages.values()]);
  }

  async add(id: string, message: Message) {
    checkMessage(message);
    const { chat, messages } = this.find(id);
    if (this.isTaken(message.id)) throw taken('message');
    if (message.parent !== '' && !messages.has(message.parent)) throw unknown('parent');
    this.checkPictures(message);
    checkCount(messages.size + 1);
    messages.set(message.id, copy(message));
    chat.head = message.id;
    if (message.model) chat.model = message.model;
    this.count(chat, messages);
  }

  async changeMessage(id: string, messageId: string, change: MessageChange) {
    checkMessageChange(change);
    const { chat, messages } = this.find(id);
    const message = messages.get(messageId);
    if (!message) throw unknown('message');
    this.checkPictures(change);
    const before = copy(message);
    Object.assign(message, copy(change));
    if (change.model) chat.model = change.model;
    this.count(chat, messages);
    if (change.pictures) this.dropPictures([before]);
  }

  async deleteMessage(id: string, messageId: string) {
    const { chat, messages } = this.find(id);
    const first = messages.get(messageId);
    if (!first) throw unknown('message');
    const gone = branchFrom(messages.values(), messageId);
    const removed = [...gone].map((one) => messages.get(one)!);
    for (const one of gone) messages.delete(one);
    if (gone.has(chat.head)) chat.head = first.parent;
    this.count(chat, messages);
    this.dropPictures(removed);
  }

  async import(given: Chat, list: Message[]) {
    checkChat(given);
    const head = checkWhole(given, list);
    for (const message of list) this.checkPictures(message);
    const names = new Map([['', '']]);
    for (const { id } of list) names.set(id, this.isTaken(id) ? newId() : id);
    const now = this.now();
    const id = this.chats.has(given.id) || !given.id ? newId() : given.id;
    const chat = { ...copy(given), id, head: names.get(head)!, created: Math.min(given.created || now, now) };
    const messages = new Map<string, Message>();
    for (const message of list) {
      const own = names.get(message.id)!;
      const state = message.state === 'running' ? 'stopped' : message.state;
      messages.set(own, { ...copy(message), id: own, parent: names.get(message.parent)!, state });
    }
    this.count(chat, messages);
    chat.updated = Math.min(given.updated || now, now);
    this.chats.set(id, { chat, messages });
    return copy(chat);
  }

  // Nothing here outlives the page: the message gets the answer at its end.
  async journal(chat: string, message: string): Promise<AnswerJournal> {
    const { state } = this.find(chat).messages.get(message) ?? {};
    if (!state) throw unknown('message');
    if (state !== 'running' || this.writing.has(message)) throw new ApiError(409, 'busy', 'nobody may write this answer');
    this.writing.add(message);
    return {
      write: () => undefined,
      flush: () => undefined,
      finish: async ({ text, reasoning, model, state: end, facts }) => {
        this.writing.delete(message);
        await this.changeMessage(chat, message, { text, reasoning, model, state: end, facts });
      },
    };
  }

  async putPicture(file: Blob): Promise<StoredPicture> {
    if (file.size === 0) throw invalid('a picture has bytes');
    const told = (await this.send?.(file)) ?? { sha256: newId(), width: 0, height: 0, tokens: null, seconds: 0 };
    this.pictures.set(told.sha256, file);
    return told;
  }

  async picture(sha256: string) {
    const file = this.pictures.get(sha256);
    if (!file) throw unknown('picture');
    return file;
  }

  async settings() {
    return copy(this.kept);
  }

  async setSettings(settings: SettingsRecord) {
    checkSettings(settings);
    this.kept = copy(settings);
  }

  async space(): Promise<Space> {
    let pictures = 0;
    for (const file of this.pictures.values()) pictures += file.size;
    return { models: 0, packs: 0, chats: 0, pictures, backups: 0 };
  }

  private find(id: string): Kept {
    const kept = this.chats.get(id);
    if (!kept) throw unknown('chat');
    return kept;
  }

  // Ids are everybody's.
  private isTaken(message: string): boolean {
    return [...this.chats.values()].some(({ messages }) => messages.has(message));
  }

  private checkPictures({ pictures }: MessageChange): void {
    if (pictures?.some(({ sha256 }) => !this.pictures.has(sha256))) throw unknown('picture');
  }

  private now(): number {
    this.clock = Math.max(this.clock + 1, Date.now());
    return this.clock;
  }

  private count(chat: Chat, messages: Map<string, Message>) {
    Object.assign(chat, countsOf([...messages.values()]));
    chat.updated = this.now();
  }

  // Pictures go with the last message that names them.
  private dropPictures(removed: Message[]) {
    const named = new Set<string>();
    for (const { messages } of this.chats.values())
      for (const message of messages.values()) for (const picture of message.pictures) named.add(picture.sha256);
    for (const { pictures } of removed) for (const { sha256 } of pictures) if (!named.has(sha256)) this.pictures.delete(sha256);
  }
}

// In the title, else in the newest message that has all the words.
function findHit({ chat, messages }: Kept, words: string[]) {
  const newest = [...messages.values()].reverse().map(({ id, text }) => ({ id, text }));
  const found = [{ id: '', text: chat.title }, ...newest].find(({ text }) => hasWords(text, words));
  return found && { message: found.id, excerpt: excerptOf(found.text, words) };
}
