// SPDX-License-Identifier: Apache-2.0
// The messages of a chat form a tree by `parent`. What is shown is the branch that ends at the chat's head.
import type { Message } from '../store/types';

type Node = Pick<Message, 'id' | 'parent' | 'role' | 'created'>;

const older = (a: Node, b: Node) => a.created - b.created || (a.id < b.id ? -1 : 1);

// The branch from its beginning to `head`. An unknown head: the newest leaf. Circles end where they close.
export function branchTo<T extends Node>(messages: readonly T[], head: string): T[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const path: T[] = [];
  const seen = new Set<string>();
  let at = byId.get(head) ?? newestLeaf(messages);
  while (at && !seen.has(at.id)) {
    seen.add(at.id);
    path.push(at);
    at = byId.get(at.parent);
  }
  return path.reverse();
}

// Messages that stand in one another's place, oldest first.
export function siblingsOf<T extends Node>(messages: readonly T[], message: Node): T[] {
  return messages.filter((other) => other.parent === message.parent && other.role === message.role).sort(older);
}

// The leaf of the newest branch that goes on from `id`.
export function leafFrom(messages: readonly Node[], id: string): string {
  const newest = new Map<string, Node>();
  for (const message of messages) {
    const so_far = newest.get(message.parent);
    if (!so_far || older(so_far, message) < 0) newest.set(message.parent, message);
  }
  const seen = new Set<string>();
  let at = id;
  for (let next = newest.get(at); next && !seen.has(next.id); next = newest.get(at)) {
    seen.add(next.id);
    at = next.id;
  }
  return at;
}

function newestLeaf<T extends Node>(messages: readonly T[]): T | undefined {
  const parents = new Set(messages.map((message) => message.parent));
  return messages.filter((message) => !parents.has(message.id)).sort(older).at(-1);
}
