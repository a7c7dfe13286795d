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
    const words = wordsOf(query.get('search') ?? '');
    const found = [];
    for (const { chat, messages } of this.chats.values()) {
      if (query.has('folder') && chat.folder !== query.get('folder')) continue;
      if (query.has('before') && (chat.pinned || chat.updated >= Number(query.get('before')))) continue;
      const hit = words.length > 0 ? hitIn(chat, messages, words) : undefined;
      if (words.length > 0 && !hit) continue;
      found.push(hit ? { ...chat, hit } : chat);
    }
    found.sort((a, b) => b.pinned - a.pinned || b.updated - a.updated);
    // All pinned ones, and one that is not.
    const pinned = found.filter(({ pinned }) => pinned).length;
    return { chats: copy(found.slice(0, Math.max(Number(query.get('most') ?? 100), pinned + 1))) };
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
    const { chat, messages } = this.find(id);
    if (change.head && !messages.has(change.head)) throw new Fault(404, 'there is no such message');
    for (const key of ['title', 'instructions', 'folder', 'head', 'pinned']) if (key in change) chat[key] = change[key];
    if ('title' in change || 'instructions' in change) chat.updated = this.now();
    return copy(chat);
  }

  delete(id) {
    const { messages } = this.find(id);
    this.chats.delete(id);
    this.dropPictures([...messages.values()]);
  }

  add(id, message) {
    const { chat, messages } = this.find(id);
    this.check(message);
    if (message.state === 'running' && message.role === 'user') throw new Fault(400, 'only an answer can be on its way');
    if (this.running(message.id)) throw new Fault(409, 'there is a message with this id');
    if (message.parent && !messages.has(message.parent)) throw new Fault(404, 'there is no such parent');
    messages.set(message.id, { facts: {}, pictures: [], ...copy(message) });
    chat.head = message.id;
    this.count(chat, messages);
    return {};
  }

  changeMessage(id, messageId, change) {
    const { chat, messages } = this.find(id);
    const message = messages.get(messageId);
    if (!message) throw new Fault(404, 'there is no such message');
    this.check({ role: 'user', ...change });
    const before = copy(message);
    Object.assign(message, copy(change));
    this.count(chat, messages);
    if (change.pictures) this.dropPictures([before]);
    return {};
  }

  check({ role, text = '', pictures = [] }) {
    if (role !== 'user' && role !== 'assistant') throw new Fault(400, 'there is no such role');
    if (Buffer.byteLength(text) > 4 * 1024 * 1024) throw new Fault(413, 'the text is too long');
    for (const { sha256 } of pictures) if (!this.pictures.has(sha256)) throw new Fault(404, 'there is no such picture');
  }

  deleteMessage(id, messageId) {
    const { chat, messages } = this.find(id);
    const first = messages.get(messageId);
    if (!first) throw new Fault(404, 'there is no such message');
    const gone = [messageId];
    const removed = [];
    for (let i = 0; i < gone.length; i++) {
      removed.push(messages.get(gone[i]));
      messages.delete(gone[i]);
      for (const message of messages.values()) if (message.parent === gone[i]) gone.push(message.id);
    }
    if (gone.includes(chat.head)) chat.head = first.parent;
    this.count(chat, messages);
    this.dropPictures(removed);
  }

  // Pictures go with the last message that names them.
  dropPictures(removed) {
    const named = new Set([...this.chats.values()].flatMap(({ messages }) => [...messages.values()]).flatMap(({ pictures }) => (pictures ?? []).map(({ sha256 }) => sha256)));
    for (const { pictures } of removed) for (const { sha256 } of pictures ?? []) if (!named.has(sha256)) this.pictures.delete(sha256);
  }

  import({ chat: given, messages: list }) {
    if (!given || !Array.isArray(list)) throw new Fault(400, 'no conversation');
    const taken = new Set([...this.chats.values()].flatMap(({ messages }) => [...messages.keys()]));
    const names = new Map([['', '']]);
    for (const message of list) {
      this.check(message);
      if (names.has(message.id) || !names.has(message.parent)) throw new Fault(400, 'no conversation');
      names.set(message.id, taken.has(message.id) ? newId() : message.id);
    }
    if (!names.has(given.head)) throw new Fault(400, 'there is no such head');
    const chat = { ...given, id: this.chats.has(given.id) ? newId() : given.id, head: names.get(given.head || (list.at(-1)?.id ?? '')) };
    const messages = new Map();
    for (const message of list) {
      const own = names.get(message.id);
      messages.set(own, { ...copy(message), id: own, parent: names.get(message.parent) ?? '' });
      if (message.state === 'running') messages.get(own).state = 'stopped';
    }
    this.chats.set(chat.id, { chat, messages });
    const { updated } = chat;
    this.count(chat, messages);
    chat.updated = updated || this.now();
    return copy(chat);
  }

  setSettings(settings) {
    if (Array.isArray(settings)) throw new Fault(400, 'settings are one object');
    if (JSON.stringify(settings).length > 65_536) throw new Fault(413, 'settings may have 64 KiB');
    this.settings = settings;
    return {};
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
    const pictures = new Set();
    for (const message of messages.values()) {
      for (const { sha256 } of message.pictures ?? []) pictures.add(sha256);
      const { prompt_tokens: read = 0, completion_tokens: written = 0 } = message.facts?.usage ?? {};
      chat.tokens = read + written || chat.tokens;
      if (message.model) chat.model = message.model;
    }
    chat.pictures = pictures.size;
    chat.updated = this.now();
  }
}

// Letter by letter, so that places stay the same.
const small = (text) => [...text].map((letter) => (letter === 'İ' ? 'i' : letter.toLowerCase())).join('');
const plain = (text) => text.replace(/[\uE000\uE001]/g, '');

function wordsOf(search) {
  if (search.length > 1000) throw new Fault(400, 'a search may have 1000 characters');
  return small(search).split(/\s+/).filter((word) => word !== '');
}

function hitIn(chat, messages, words) {
  const texts = [{ id: '', text: chat.title }, ...[...messages.values()].reverse()];
  const found = texts.find(({ text }) => words.every((word) => small(plain(text)).includes(word)));
  if (!found) return undefined;
  const letters = [...plain(found.text)];
  const places = words.map((word) => [...small(letters.join('')).split(word)[0]].length);
  const at = Math.min(...places);
  const end = at + [...words[places.indexOf(at)]].length;
  const from = Math.max(0, at - 60);
  const to = Math.max(from + 160, end);
  const part = (a, b) => letters.slice(a, b).join('');
  const excerpt = `${from > 0 ? '…' : ''}${part(from, at)}\uE000${part(at, end)}\uE001${part(end, to)}${to < letters.length ? '…' : ''}`;
  return { message: found.id, excerpt: excerpt.replace(/\s/g, ' ') };
}
