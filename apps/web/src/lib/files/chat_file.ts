// SPDX-License-Identifier: Apache-2.0
// Conversations in files: our own JSON, Markdown that can be read back, and lists of messages of other programs. What comes
// in is looked at field by field; nothing of an unknown shape gets through.
import { newId, type Chat, type Detail, type Facts, type Message, type MessagePicture, type MessageState } from '../store/types';

export class ChatFileError extends Error {}

export interface ChatFile {
  chat: Chat;
  messages: Message[];
  pictures: Record<string, string>; // SHA-256 -> data URL
}

const kMostMessages = 20_000;
const kLongestText = 4 * 1024 * 1024;

type Any = Record<string, unknown>;
const isObject = (value: unknown): value is Any => typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown, most = kLongestText): string => (typeof value === 'string' ? value.slice(0, most) : '');
const count = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : 0);
const idOr = (value: unknown, other: string): string => (typeof value === 'string' && /^[A-Za-z0-9]{24}$/.test(value) ? value : other);

export function chatFileText(file: ChatFile): string {
  return JSON.stringify({ thimble_chat: 1, ...file }, null, 1);
}

// Throws ChatFileError for what is no conversation.
export function parseChatJson(source: string): ChatFile {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new ChatFileError('no JSON');
  }
  const list = Array.isArray(value) ? value : isObject(value) ? value['messages'] : null;
  if (!Array.isArray(list) || list.length > kMostMessages) throw new ChatFileError('no conversation');
  const holder = isObject(value) ? value : {};
  const given = isObject(holder['chat']) ? holder['chat'] : holder;
  const messages = isObject(holder['chat']) ? readMessages(list) : readForeign(list);
  if (messages.length === 0) throw new ChatFileError('no messages');
  return { chat: readChat(given, messages), messages, pictures: readPictures(holder['pictures']) };
}

function readChat(given: Any, messages: Message[]): Chat {
  const head = idOr(given['head'], '');
  const now = Date.now();
  return {
    id: idOr(given['id'], newId()),
    title: text(given['title'], 200),
    model: text(given['model'], 200),
    instructions: text(given['instructions'], 20_000),
    folder: text(given['folder'], 60),
    head: messages.some(({ id }) => id === head) ? head : messages.at(-1)!.id,
    pinned: given['pinned'] === true,
    created: count(given['created']) || now,
    updated: count(given['updated']) || now,
    messages: messages.length,
    tokens: count(given['tokens']),
    pictures: count(given['pictures']),
  };
}

function readMessages(list: unknown[]): Message[] {
  const messages: Message[] = [];
  const known = new Set<string>(['']);
  for (const item of list) {
    if (!isObject(item)) throw new ChatFileError('a message is none');
    const id = idOr(item['id'], '');
    const parent = text(item['parent'], 24);
    const role = item['role'];
    // A parent stands before its children, so there are no circles.
    if (id === '' || known.has(id) || !known.has(parent) || (role !== 'user' && role !== 'assistant')) throw new ChatFileError('a message is broken');
    known.add(id);
    const state = item['state'];
    messages.push({
      id, parent, role,
      model: text(item['model'], 200),
      state: (state === 'failed' || state === 'done' ? state : state === 'running' || state === 'stopped' ? 'stopped' : 'done') as MessageState,
      created: count(item['created']),
      text: text(item['text']),
      reasoning: text(item['reasoning']),
      pictures: Array.isArray(item['pictures']) ? item['pictures'].slice(0, 64).flatMap(readPicture) : [],
      facts: readFacts(item['facts']),
    });
  }
  return messages;
}

function readPicture(item: unknown): MessagePicture[] {
  if (!isObject(item) || typeof item['sha256'] !== 'string' || !/^[0-9a-f]{64}$/.test(item['sha256'])) return [];
  const detail: Detail = item['detail'] === 'low' || item['detail'] === 'high' ? item['detail'] : 'auto';
  return [{ sha256: item['sha256'], name: text(item['name'], 200), width: count(item['width']), height: count(item['height']), detail, tokens: count(item['tokens']) }];
}

const numbersIn = (given: Any) => Object.fromEntries(Object.entries(given).filter(([, value]) => typeof value === 'number').slice(0, 20));

// Numbers and short words; of what is deeper only what a service writes.
function readFacts(given: unknown): Facts {
  const facts: Any = {};
  if (!isObject(given)) return facts;
  for (const key of ['timings', 'usage', 'cost']) {
    const inner = given[key];
    if (isObject(inner)) facts[key] = numbersIn(inner);
  }
  for (const key of ['prompt_tokens_details', 'completion_tokens_details']) {
    const inner = isObject(given['usage']) ? given['usage'][key] : undefined;
    if (isObject(inner)) (facts['usage'] as Any)[key] = numbersIn(inner);
  }
  if (Array.isArray(given['read'])) facts['read'] = given['read'].slice(0, 64).filter(isObject).map(numbersIn);
  for (const key of ['finish', 'error', 'error_code']) if (typeof given[key] === 'string') facts[key] = text(given[key], 500);
  for (const key of ['dropped', 'dropped_tokens', 'thinking_ms', 'ttft_ms']) if (typeof given[key] === 'number') facts[key] = count(given[key]);
  if (given['edited'] === true) facts['edited'] = true;
  return facts as Facts;
}

function readPictures(given: unknown): Record<string, string> {
  if (!isObject(given)) return {};
  return Object.fromEntries(
    Object.entries(given).filter(
      (entry): entry is [string, string] => /^[0-9a-f]{64}$/.test(entry[0]) && typeof entry[1] === 'string' && /^data:image\/[a-z0-9.+-]+;base64,/.test(entry[1]),
    ),
  );
}

// [{role, content}], as many programs keep and send it.
function readForeign(list: unknown[]): Message[] {
  const messages: Message[] = [];
  for (const item of list) {
    if (!isObject(item) || (item['role'] !== 'user' && item['role'] !== 'assistant')) continue;
    const { content } = item as { content: unknown };
    const words = Array.isArray(content) ? content.map((part) => (isObject(part) ? text(part['text']) : '')).join('') : text(content);
    messages.push(plainMessage(item['role'], words, messages.at(-1)?.id ?? '', messages.length));
  }
  return messages;
}

function plainMessage(role: Message['role'], words: string, parent: string, index: number): Message {
  return { id: newId(), parent, role, model: '', state: 'done', created: Date.now() + index, text: words, reasoning: '', pictures: [], facts: {} };
}

const kMark = /^<!-- thimble: (user|assistant) -->$/;
const escapeMarks = (words: string) => words.replace(/^(\\*<!-- thimble: )/gm, '\\$1');
const unescapeMarks = (words: string) => words.replace(/^\\(\\*<!-- thimble: )/gm, '$1');

// The shown branch as a text that people read, and that can be read back.
export function chatMarkdown(title: string, branch: readonly Message[], names: { user: string; assistant: string }): string {
  const parts = [`# ${title.replace(/\s+/g, ' ')}`];
  for (const message of branch) {
    parts.push(`<!-- thimble: ${message.role} -->\n**${names[message.role]}**`);
    for (const picture of message.pictures) parts.push(`[${picture.name}]`);
    parts.push(escapeMarks(message.text));
  }
  return `${parts.join('\n\n')}\n`;
}

export function parseChatMarkdown(source: string): ChatFile {
  const messages: Message[] = [];
  let lines: string[] | null = null;
  let role: Message['role'] = 'user';
  const close = () => {
    if (!lines) return;
    const words = unescapeMarks(lines.join('\n').replace(/^\s*\*\*[^*\n]{1,100}\*\*\s*\n/, '').trim());
    messages.push(plainMessage(role, words, messages.at(-1)?.id ?? '', messages.length));
    if (messages.length > kMostMessages) throw new ChatFileError('too many messages');
  };
  for (const line of source.split(/\r?\n/)) {
    const mark = kMark.exec(line);
    if (mark) {
      close();
      role = mark[1] as Message['role'];
      lines = [];
    } else lines?.push(line);
  }
  close();
  if (messages.length === 0) throw new ChatFileError('no conversation');
  const title = /^# (.*)$/m.exec(source.slice(0, 2000))?.[1] ?? '';
  return { chat: readChat({ title }, messages), messages, pictures: {} };
}
