// SPDX-License-Identifier: Apache-2.0
// The list of chats. A search reads the texts of one chat after the other, newest chats first, until the page is full:
// there is no index, which would be as large as the texts.
import { pageOf } from '../page_of';
import { excerptOf, hasWords, readSearch } from '../search';
import type { ChatQuery, ListedChat } from '../types';
import { ask } from './database';
import { messageRows } from './rows';
import type { ChatRow } from './schema';

export async function listChats(transaction: IDBTransaction, query: ChatQuery): Promise<ListedChat[]> {
  const words = readSearch(query.search ?? '');
  const range = query.before ? IDBKeyRange.upperBound(query.before, true) : null;
  const rows = (await ask(transaction.objectStore('chats').index('updated').getAll(range))) as ChatRow[];
  const listed = pageOf(rows, query);
  const found: ListedChat[] = [];
  for (const chat of listed.candidates) {
    const hit = words.length > 0 ? await findHit(transaction, chat, words) : undefined;
    if (words.length > 0 && !hit) continue;
    found.push(hit ? { ...chat, hit } : chat);
    if (listed.isFull(found)) break;
  }
  return found;
}

// In the title, else in the newest message that has all the words.
async function findHit(transaction: IDBTransaction, chat: ChatRow, words: string[]) {
  if (hasWords(chat.title, words)) return { message: '', excerpt: excerptOf(chat.title, words) };
  const found = (await messageRows(transaction, chat.id)).reverse().find(({ text }) => hasWords(text, words));
  return found && { message: found.id, excerpt: excerptOf(found.text, words) };
}
