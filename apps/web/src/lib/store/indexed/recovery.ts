// SPDX-License-Identifier: Apache-2.0
// Answers whose tab is gone: their messages get what the journal has, and are stopped.
import type { Finished } from '../journal';
import { ask } from './database';
import { changedRow, findMessage, partsOf } from './rows';
import type { MessageRow, PartRow } from './schema';

// What a journal's pieces say, up to the first one that is missing or broken; null where there is none. An answer whose end
// is not among them was stopped.
export function joinParts(rows: readonly unknown[]): Finished | null {
  const parts: PartRow[] = [];
  for (const row of rows) {
    if (!isPart(row) || row.n !== parts.length) break;
    parts.push(row);
  }
  const last = parts.at(-1);
  if (!last) return null;
  const join = (key: 'text' | 'reasoning') => parts.map((part) => part[key]).join('');
  return { text: join('text'), reasoning: join('reasoning'), model: last.model, facts: last.facts, state: last.state ?? 'stopped' };
}

function isPart(row: unknown): row is PartRow {
  const part = row as Partial<PartRow> | null;
  return typeof part?.text === 'string' && typeof part.reasoning === 'string' && typeof part.model === 'string' && typeof part.facts === 'object' && part.facts !== null;
}

// A running message with what has come of it. isOver: nobody writes it any more.
export async function withJournal(transaction: IDBTransaction, row: MessageRow, isOver: boolean): Promise<MessageRow> {
  const came = joinParts(await ask(transaction.objectStore('journals').getAll(partsOf(row.id))));
  const state = isOver ? (came?.state ?? 'stopped') : 'running';
  return came ? { ...row, ...came, model: came.model || row.model, facts: { ...row.facts, ...came.facts }, state } : { ...row, state };
}

// Ends one that nobody writes any more. The caller holds its lock.
export async function settle(transaction: IDBTransaction, id: string): Promise<void> {
  const row = await findMessage(transaction, id);
  if (row?.state === 'running') {
    transaction.objectStore('messages').put(changedRow(await withJournal(transaction, row, true), {}));
  }
  transaction.objectStore('journals').delete(partsOf(id));
}

// Every answer that is on its way, and every one that has a journal.
export async function unsettled(transaction: IDBTransaction): Promise<string[]> {
  const running = (await ask(transaction.objectStore('messages').index('running').getAll())) as MessageRow[];
  const parts = (await ask(transaction.objectStore('journals').getAllKeys())) as [string, number][];
  return [...new Set([...running.map(({ id }) => id), ...parts.map(([message]) => message)])];
}
