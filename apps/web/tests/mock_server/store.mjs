// SPDX-License-Identifier: Apache-2.0
// The routes of the history, over maps: what the page's tests need of the service's store.
import { createHash, randomBytes } from 'node:crypto';

export class Fault extends Error {
  constructor(status, message, code = '') {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const newId = () => randomBytes(12).toString('hex');
const copy = (value) => JSON.parse(JSON.stringify(value));

export class Store {
  chats = new Map(); // id -> {chat, messages: Map}
  pictures = new Map(); // sha256 -> {type, bytes}
  settings = {};
  clock = 0;
  limit = Infinity; // bytes of pictures; beyond: 507

  now() {
    this.clock = Math.max(this.clock + 1, Date.now());
    return this.clock;
  }

  find(id) {
    const kept = this.chats.get(id);
    if (!kept) throw new Fault(404, 'there is no such chat');
    return kept;
  }

  list(query) {
    const search = (query.get('search') ?? '').toLowerCase();
    const found = [];
    for (const { chat, messages } of this.chats.values()) {
      if (query.has('folder') && chat.folder !== query.get('folder')) continue;
      if (query.has('before') && chat.updated >= Number(query.get('before'))) continue;
      const hit = search ? hitIn(chat, messages, search) : undefined;
      if (search && !hit) continue;
      found.push(hit ? { ...chat, hit } : chat);
    }
    found.sort((a, b) => b.pinned - a.pinned || b.updated - a.updated);
    return { chats: copy(found.slice(0, Number(query.get('most') ?? 100))) };
  }

  get(id) {
    const { chat, messages } = this.find(id);
    return copy({ chat, messages: [...messages.values()] });
  }

  create({ id = newId(), title = '', instructions = '', folder = '' }) {
    if (this.chats.has(id)) throw new Fault(409, 'there is a chat with this id');
    const now = this.now();
    const chat = {
      id, title, model: '', instructions, folder, head: '', pinned: false, created: now, updated: now, messages: 0, tokens: 0, pictures: 0,
    };
    this.chats.set(id, { chat, messages: new Map() });
    return copy(chat);
  }

  change(id, change) {
    const { chat } = this.find(id);
    for (const key of ['title', 'instructions', 'folder', 'head', 'pinned']) if (key in change) chat[key] = change[key];
    return copy(chat);
  }

  delete(id) {
    this.find(id);
    this.chats.delete(id);
  }

  add(id, message) {
    const { chat, messages } = this.find(id);
    if (messages.has(message.id)) throw new Fault(409, 'there is a message with this id');
    if (message.parent && !messages.has(message.parent)) throw new Fault(404, 'there is no such parent');
    for (const { sha256 } of message.pictures ?? []) if (!this.pictures.has(sha256)) throw new Fault(404, 'there is no such picture');
    messages.set(message.id, { facts: {}, pictures: [], ...copy(message) });
    chat.head = message.id;
    this.count(chat, messages);
    return {};
  }

  changeMessage(id, messageId, change) {
    const { chat, messages } = this.find(id);
    const message = messages.get(messageId);
    if (!message) throw new Fault(404, 'there is no such message');
    Object.assign(message, copy(change));
    this.count(chat, messages);
    return {};
  }

  deleteMessage(id, messageId) {
    const { chat, messages } = this.find(id);
    const first = messages.get(messageId);
    if (!first) throw new Fault(404, 'there is no such message');
    const gone = [messageId];
    for (let i = 0; i < gone.length; i++) {
      messages.delete(gone[i]);
      for (const message of messages.values()) if (message.parent === gone[i]) gone.push(message.id);
    }
    if (gone.includes(chat.head)) chat.head = first.parent;
    this.count(chat, messages);
  }

  import({ chat: given, messages: list }) {
    if (!given || !Array.isArray(list)) throw new Fault(400, 'no conversation');
    const taken = new Set([...this.chats.values()].flatMap(({ messages }) => [...messages.keys()]));
    const names = new Map([['', '']]);
    for (const { id } of list) names.set(id, taken.has(id) ? newId() : id);
    const chat = { ...given, id: this.chats.has(given.id) ? newId() : given.id, head: names.get(given.head) ?? '' };
    const messages = new Map();
    for (const message of list) {
      const own = names.get(message.id);
      messages.set(own, { ...copy(message), id: own, parent: names.get(message.parent) ?? '' });
    }
    this.chats.set(chat.id, { chat, messages });
    const { updated } = chat;
    this.count(chat, messages);
    chat.updated = updated || this.now();
    return copy(chat);
  }

  putPicture(bytes, type) {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    let taken = bytes.length;
    for (const picture of this.pictures.values()) taken += picture.bytes.length;
    if (taken > this.limit) throw new Fault(507, 'the disk is full');
    this.pictures.set(sha256, { type, bytes });
    return sha256;
  }

  // The message of a running answer, wherever it is.
  running(messageId) {
    for (const { chat, messages } of this.chats.values()) {
      const message = messages.get(messageId);
      if (message) return { chat, messages, message };
    }
    return null;
  }

  count(chat, messages) {
    chat.messages = messages.size;
    chat.tokens = 0;
    chat.pictures = 0;
    for (const message of messages.values()) {
      chat.pictures += message.pictures?.length ?? 0;
      chat.tokens += message.facts?.usage?.completion_tokens ?? 0;
      if (message.model) chat.model = message.model;
    }
    chat.updated = this.now();
  }
}

function hitIn(chat, messages, search) {
  const texts = [{ id: '', text: chat.title }, ...messages.values()];
  for (const { id, text } of texts) {
    const at = text.toLowerCase().indexOf(search);
    if (at < 0) continue;
    const end = at + search.length;
    return { message: id, excerpt: `${text.slice(Math.max(0, at - 60), at)}\uE000${text.slice(at, end)}\uE001${text.slice(end, end + 80)}` };
  }
  return undefined;
}
