// SPDX-License-Identifier: Apache-2.0
// What a store of conversations takes: the service's bounds (docs/serve.md), for the stores that the page itself has.
import { ApiError } from '../transport/transport';
import type { Chat, ChatChange, Facts, Message, MessageChange, SettingsRecord } from './types';

export const kMostMessages = 100_000; // of a chat
export const kMostTextBytes = 4 * 1024 * 1024; // of a text, and of a reasoning
const kMostNameLetters = 1000; // of titles, folders, models
const kMostInstructionBytes = 256 * 1024;
const kMostFactsBytes = 64 * 1024; // of settings too
const kMostPictures = 256; // of a message

export const isChatId = (text: unknown): text is string => typeof text === 'string' && /^[A-Za-z0-9]{24}$/.test(text);
export const isSha256 = (text: unknown): text is string => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);

export const unknown = (what: string) => new ApiError(404, 'unknown', `there is no such ${what}`);
export const taken = (what: string) => new ApiError(409, 'taken', `there is a ${what} with this id`);
export const invalid = (rule: string) => new ApiError(400, 'invalid', rule);
const tooLarge = (rule: string) => new ApiError(413, 'too_large', rule);

export function checkChat(chat: Partial<Chat>): void {
  if (chat.id && !isChatId(chat.id)) throw invalid('an id has 24 letters and digits');
  checkNames(chat);
}

export function checkChatChange(change: ChatChange): void {
  if (change.head && !isChatId(change.head)) throw invalid('"head" must be an id of 24 letters and digits');
  checkNames(change);
}

export function checkMessage(message: Message): void {
  if (!isChatId(message.id)) throw invalid('an id has 24 letters and digits');
  if (message.parent === message.id) throw invalid('a message is not its own parent');
  if (message.role !== 'user' && message.role !== 'assistant') throw invalid('"role" must be "user" or "assistant"');
  if (message.state === 'running' && message.role !== 'assistant') throw invalid('only an answer can be on its way');
  checkMessageChange(message);
}

export function checkMessageChange(change: MessageChange): void {
  checkName('model', change.model);
  checkBytes('text', change.text, kMostTextBytes);
  checkBytes('reasoning', change.reasoning, kMostTextBytes);
  if (change.state !== undefined && !['done', 'running', 'stopped', 'failed'].includes(change.state)) {
    throw invalid('"state" must be "done", "running", "stopped" or "failed"');
  }
  if (change.pictures && change.pictures.length > kMostPictures) throw invalid(`a message may have ${kMostPictures} pictures`);
  checkObject('facts', change.facts);
}

export function checkSettings(settings: SettingsRecord): void {
  checkObject('settings', settings);
}

export function checkCount(messages: number): void {
  if (messages > kMostMessages) throw tooLarge(`a chat may have ${kMostMessages} messages`);
}

// Ids unlike, parents before their children, a head that is one of them: the head that the chat gets.
export function checkWhole(chat: Pick<Chat, 'head'>, messages: readonly Message[]): string {
  checkCount(messages.length);
  const known = new Set<string>();
  for (const message of messages) {
    checkMessage(message);
    if (known.has(message.id)) throw invalid('two messages have the same id');
    if (message.parent !== '' && !known.has(message.parent)) throw invalid('a message must stand behind its parent');
    known.add(message.id);
  }
  if (chat.head !== '' && !known.has(chat.head)) throw invalid('"head" must be the id of one of the messages');
  return chat.head || (messages.at(-1)?.id ?? '');
}

export function tokensOf(facts: Facts | undefined): number {
  return (facts?.usage?.prompt_tokens ?? 0) + (facts?.usage?.completion_tokens ?? 0);
}

// A chat's own numbers, of its messages in the order in which they came: its tokens are those of the last one that has some,
// which read all of the others; a picture counts once.
export function countsOf(messages: readonly Pick<Message, 'facts' | 'pictures'>[]): Pick<Chat, 'messages' | 'tokens' | 'pictures'> {
  const last = messages.findLast(({ facts }) => tokensOf(facts) > 0);
  const pictures = new Set(messages.flatMap((message) => message.pictures.map(({ sha256 }) => sha256)));
  return { messages: messages.length, tokens: tokensOf(last?.facts), pictures: pictures.size };
}

// A message and all that follow it.
export function branchFrom(messages: Iterable<Pick<Message, 'id' | 'parent'>>, id: string): Set<string> {
  const children = new Map<string, string[]>();
  for (const message of messages) children.set(message.parent, [...(children.get(message.parent) ?? []), message.id]);
  const gone = new Set([id]);
  for (const one of gone) for (const child of children.get(one) ?? []) gone.add(child);
  return gone;
}

function checkNames(names: Partial<Pick<Chat, 'title' | 'folder' | 'model' | 'instructions'>>): void {
  for (const key of ['title', 'folder', 'model'] as const) checkName(key, names[key]);
  checkBytes('instructions', names.instructions, kMostInstructionBytes);
}

function checkName(key: string, text: string | undefined): void {
  if (text !== undefined && text.length > kMostNameLetters && [...text].length > kMostNameLetters) {
    throw invalid(`"${key}" may have ${kMostNameLetters} characters`);
  }
}

function checkBytes(key: string, text: string | undefined, most: number): void {
  if (text === undefined || text.length * 3 <= most) return;
  if (text.length > most || new TextEncoder().encode(text).length > most) throw tooLarge(`"${key}" may have ${most} bytes`);
}

function checkObject(key: string, value: object | undefined): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`"${key}" must be an object`);
  if (JSON.stringify(value).length > kMostFactsBytes) throw tooLarge(`"${key}" may have ${kMostFactsBytes} bytes`);
}
