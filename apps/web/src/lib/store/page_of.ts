// SPDX-License-Identifier: Apache-2.0
// Which chats a page of the list has, and in which order.
import type { Chat, ChatQuery } from './types';

const kMostListed = 1000;

// All that the query's folder and time allow: pinned ones first (on the first page, and on no other), then the newest.
// isFull: whether as many were taken as the page may have. All pinned ones are, and one that is not, so that the next
// page has where to begin.
export function pageOf(chats: Chat[], { folder, before, most }: ChatQuery) {
  const candidates = chats
    .filter((chat) => folder === undefined || chat.folder === folder)
    .filter((chat) => !before || (chat.updated < before && !chat.pinned))
    .sort((a, b) => Number(b.pinned) - Number(a.pinned) || b.updated - a.updated);
  const limit = Math.min(Math.max(most ?? 100, 1), kMostListed);
  return { candidates, isFull: (taken: Chat[]) => taken.length >= limit && taken.at(-1)?.pinned === false };
}
