// SPDX-License-Identifier: Apache-2.0
// Reading and changing rows within a transaction.
import { countsOf, tokensOf, unknown } from '../rules';
import type { Message, MessageChange } from '../types';
import { ask } from './database';
import type { ChatRow, MessageRow } from './schema';

// Whatever is kept is plain: no proxies, nothing undefined.
export const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export async function chatRow(transaction: IDBTransaction, id: string): Promise<ChatRow> {
  const row = (await ask(transaction.objectStore('chats').get(id))) as ChatRow | undefined;
  if (!row) throw unknown('chat');
  return row;
}

export function findMessage(transaction: IDBTransaction, id: string): Promise<MessageRow | undefined> {
  return ask(transaction.objectStore('messages').index('id').get(id));
}

export async function messageRow(transaction: IDBTransaction, chat: string, id: string): Promise<MessageRow> {
  const row = await findMessage(transaction, id);
  if (row?.chat !== chat) throw unknown('message');
  return row;
}

export function messageRows(transaction: IDBTransaction, chat: string): Promise<MessageRow[]> {
  return ask(transaction.objectStore('messages').index('chat').getAll(chat));
}

export function messageOf({ id, parent, role, model, state, created, text, reasoning, pictures, facts }: Message): Message {
  return { id, parent, role, model, state, created, text, reasoning, pictures, facts };
}

const shasOf = ({ pictures }: Pick<Message, 'pictures'>) => [...new Set(pictures.map(({ sha256 }) => sha256))];

// A row without its number, which the table gives.
export function newRow(chat: string, message: Message): Omit<MessageRow, 'seq'> {
  const row = { ...messageOf(plain(message)), chat };
  return { ...row, shas: shasOf(row), ...(row.state === 'running' ? { running: 1 as const } : {}) };
}

export function changedRow(row: MessageRow, change: MessageChange): MessageRow {
  const made: MessageRow = { ...row, ...plain(change) };
  made.shas = shasOf(made);
  if (made.state === 'running') made.running = 1;
  else delete made.running;
  return made;
}

export async function checkPictures(transaction: IDBTransaction, shas: readonly string[]): Promise<void> {
  for (const sha256 of shas) {
    if ((await ask(transaction.objectStore('pictures').count(sha256))) === 0) throw unknown('picture');
  }
}

// Those that no message names (any more) go.
export async function dropPictures(transaction: IDBTransaction, shas: Iterable<string>): Promise<void> {
  for (const sha256 of new Set(shas)) {
    if (await isLoose(transaction, sha256)) transaction.objectStore('pictures').delete(sha256);
  }
}

export async function isLoose(transaction: IDBTransaction, sha256: string): Promise<boolean> {
  return (await ask(transaction.objectStore('messages').index('shas').count(sha256))) === 0;
}

type Counted = Pick<MessageRow, 'facts' | 'shas'>;

// The numbers of a chat whose messages `gone` have gone and `come` have come.
export async function recount(transaction: IDBTransaction, chat: ChatRow, gone: readonly Counted[], come: readonly Counted[]): Promise<void> {
  chat.messages += come.length - gone.length;
  if ([...gone, ...come].some(({ facts }) => tokensOf(facts) > 0)) chat.tokens = await lastTokens(transaction, chat.id);
  const shas = (rows: readonly Counted[]) => rows.flatMap((row) => row.shas).join();
  if (shas(gone) !== shas(come)) chat.pictures = countsOf(await messageRows(transaction, chat.id)).pictures;
}

// As countsOf says, without reading a long chat.
function lastTokens(transaction: IDBTransaction, chat: string): Promise<number> {
  const request = transaction.objectStore('messages').index('chat').openCursor(IDBKeyRange.only(chat), 'prev');
  return new Promise((resolve, reject) => {
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
    request.onsuccess = () => {
      const tokens = tokensOf((request.result?.value as MessageRow | undefined)?.facts);
      if (!request.result || tokens > 0) resolve(tokens);
      else request.result.continue();
    };
  });
}

// A time that no chat has yet, so that a page of the list ends between two.
export async function freeTime(transaction: IDBTransaction, now: number): Promise<number> {
  const index = transaction.objectStore('chats').index('updated');
  while ((await ask(index.count(now))) > 0) now++;
  return now;
}

export const partsOf = (message: string) => IDBKeyRange.bound([message, 0], [message, Infinity]);
