// SPDX-License-Identifier: Apache-2.0
// ChatStore in memory: a chat that is not kept, a service without a store, and tests.
import { ApiError } from '../transport/transport';
import type { ChatStore } from './chat_store';
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
  private kept: SettingsRecord = {};
  private clock = 0;

  // `send` gives a picture's size and price, and its name; without it pictures get names of this store's own.
  constructor(private readonly send?: (file: Blob) => Promise<StoredPicture>) {}

  has(id: string): boolean {
    return this.chats.has(id);
  }

  async list(query: ChatQuery): Promise<ListedChat[]> {
    const found: ListedChat[] = [];
    for (const { chat, messages } of this.chats.values()) {
      if (query.folder !== undefined && chat.folder !== query.folder) continue;
      if (query.before && chat.updated >= query.before) continue;
      const hit = query.search ? findHit(chat, messages, query.search) : undefined;
      if (query.search && !hit) continue;
      found.push(hit ? { ...copy(chat), hit } : copy(chat));
    }
    found.sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updated - a.updated);
    return found.slice(0, query.most ?? 100);
  }

  async get(id: string) {
    const { chat, messages } = this.find(id);
    return copy({ chat, messages: [...messages.values()] });
  }

  async create(given: NewChat): Promise<Chat> {
    const id = given.id ?? newId();
    if (this.chats.has(id)) throw new ApiError(409, 'taken', 'there is a chat with this id');
    const now = this.now();
    const chat: Chat = {
      id, title: given.title ?? '', model: '', instructions: given.instructions ?? '', folder: given.folder ?? '', head: '',
      pinned: false, created: now, updated: now, messages: 0, tokens: 0, pictures: 0,
    };
    this.chats.set(id, { chat, messages: new Map() });
    return copy(chat);
  }

  async change(id: string, change: ChatChange) {
    const { chat, messages } = this.find(id);
    if (change.head && !messages.has(change.head)) throw new ApiError(404, 'unknown', 'there is no such message');
    Object.assign(chat, copy(change));
    return copy(chat);
  }

  async delete(id: string) {
    this.find(id);
    this.chats.delete(id);
    this.dropPictures();
  }

  async add(id: string, message: Message) {
    const { chat, messages } = this.find(id);
    if (messages.has(message.id)) throw new ApiError(409, 'taken', 'there is a message with this id');
    if (message.parent !== '' && !messages.has(message.parent)) throw new ApiError(404, 'unknown', 'there is no such parent');
    messages.set(message.id, copy(message));
    chat.head = message.id;
    this.count(chat, messages);
  }

  async changeMessage(id: string, messageId: string, change: MessageChange) {
    const { chat, messages } = this.find(id);
    const message = messages.get(messageId);
    if (!message) throw new ApiError(404, 'unknown', 'there is no such message');
    Object.assign(message, copy(change));
    if (change.model) chat.model = change.model;
    this.count(chat, messages);
  }

  async deleteMessage(id: string, messageId: string) {
    const { chat, messages } = this.find(id);
    const first = messages.get(messageId);
    if (!first) throw new ApiError(404, 'unknown', 'there is no such message');
    const gone = [messageId];
    for (let i = 0; i < gone.length; i++) {
      messages.delete(gone[i]!);
      for (const message of messages.values()) if (message.parent === gone[i]) gone.push(message.id);
    }
    if (gone.includes(chat.head)) chat.head = first.parent;
    this.count(chat, messages);
    this.dropPictures();
  }

  async import(given: Chat, list: Message[]) {
    const names = new Map<string, string>();
    const taken = (id: string) => [...this.chats.values()].some((kept) => kept.messages.has(id));
    for (const { id } of list) names.set(id, taken(id) ? newId() : id);
    const id = this.chats.has(given.id) || !given.id ? newId() : given.id;
    const chat = { ...copy(given), id, head: names.get(given.head) ?? '' };
    const messages = new Map<string, Message>();
    for (const message of list) {
      if (message.parent !== '' && !names.has(message.parent)) throw new ApiError(400, 'invalid', 'a message has no parent');
      const own = names.get(message.id)!;
      messages.set(own, { ...copy(message), id: own, parent: names.get(message.parent) ?? '' });
    }
    const { updated } = chat;
    this.count(chat, messages);
    chat.updated = updated;
    this.chats.set(id, { chat, messages });
    return copy(chat);
  }

  async putPicture(file: Blob): Promise<StoredPicture> {
    const told = (await this.send?.(file)) ?? { sha256: newId(), width: 0, height: 0, tokens: null, seconds: 0 };
    this.pictures.set(told.sha256, file);
    return told;
  }

  async picture(sha256: string) {
    const file = this.pictures.get(sha256);
    if (!file) throw new ApiError(404, 'unknown', 'there is no such picture');
    return file;
  }

  async settings() {
    return copy(this.kept);
  }

  async setSettings(settings: SettingsRecord) {
    this.kept = copy(settings);
  }

  async space(): Promise<Space> {
    let pictures = 0;
    for (const file of this.pictures.values()) pictures += file.size;
    return { models: 0, packs: 0, chats: 0, pictures, backups: 0 };
  }

  private find(id: string): Kept {
    const kept = this.chats.get(id);
    if (!kept) throw new ApiError(404, 'unknown', 'there is no such chat');
    return kept;
  }

  private now(): number {
    this.clock = Math.max(this.clock + 1, Date.now());
    return this.clock;
  }

  private count(chat: Chat, messages: Map<string, Message>) {
    chat.messages = messages.size;
    chat.pictures = 0;
    chat.tokens = 0;
    for (const message of messages.values()) {
      chat.pictures += message.pictures.length;
      chat.tokens += message.facts.usage?.completion_tokens ?? 0;
    }
    chat.updated = this.now();
  }

  // Pictures go with the last message that names them.
  private dropPictures() {
    const named = new Set<string>();
    for (const { messages } of this.chats.values())
      for (const message of messages.values()) for (const picture of message.pictures) named.add(picture.sha256);
    for (const sha256 of this.pictures.keys()) if (!named.has(sha256)) this.pictures.delete(sha256);
  }
}

function findHit(chat: Chat, messages: Map<string, Message>, search: string) {
  const wanted = search.toLocaleLowerCase();
  const texts = [{ id: '', text: chat.title }, ...[...messages.values()].map(({ id, text }) => ({ id, text }))];
  for (const { id, text } of texts) {
    const at = text.toLocaleLowerCase().indexOf(wanted);
    if (at < 0) continue;
    const end = at + search.length;
    const excerpt = `${text.slice(Math.max(0, at - 60), at)}\uE000${text.slice(at, end)}\uE001${text.slice(end, end + 80)}`;
    return { message: id, excerpt };
  }
  return undefined;
}
