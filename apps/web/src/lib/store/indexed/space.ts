// SPDX-License-Identifier: Apache-2.0
// How much of the browser's room conversations take.
import type { Space } from '../types';
import { ask } from './database';
import { isLoose } from './rows';
import type { ChatRow, MessageRow, PictureRow } from './schema';

export type ModelSpace = Pick<Space, 'models' | 'packs'>;

// Pictures that nobody names, and that came before a time.
export async function looseSince(transaction: IDBTransaction, before: number): Promise<string[]> {
  const old = (await ask(transaction.objectStore('pictures').index('added').getAllKeys(IDBKeyRange.upperBound(before)))) as string[];
  const loose: string[] = [];
  for (const sha256 of old) if (await isLoose(transaction, sha256)) loose.push(sha256);
  return loose;
}

// Counted row by row, one in memory at a time: the browser's own numbers (navigator.storage.estimate) are rounded, and of
// everything together.
export async function spaceOf(transaction: IDBTransaction): Promise<Pick<Space, 'chats' | 'pictures'>> {
  const kRow = 200; // bytes of a row beside its texts, about
  const chats = await sum<ChatRow>(transaction, 'chats', ({ title, instructions }) => kRow + title.length + instructions.length);
  const messages = await sum<MessageRow>(transaction, 'messages', ({ text, reasoning }) => kRow + text.length + reasoning.length);
  const pictures = await sum<PictureRow>(transaction, 'pictures', ({ size }) => size);
  return { chats: chats + messages, pictures };
}

function sum<T>(transaction: IDBTransaction, table: string, bytes: (row: T) => number): Promise<number> {
  return new Promise((resolve, reject) => {
    let total = 0;
    const request = transaction.objectStore(table).openCursor();
    request.onerror = () => reject(request.error ?? new Error(table));
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve(total);
      total += bytes(cursor.value as T);
      cursor.continue();
    };
  });
}
