// SPDX-License-Identifier: Apache-2.0
// The list of chats in groups by when they were used.
import type { Key } from '../i18n/i18n.svelte';
import type { ListedChat } from '../store/types';

export interface ChatGroup {
  key: Key;
  chats: ListedChat[];
}

const kDay = 86_400_000;

export function groupChats(list: readonly ListedChat[], now: number, isSearch: boolean): ChatGroup[] {
  if (isSearch) return list.length > 0 ? [{ key: 'group.found', chats: [...list] }] : [];
  const today = new Date(now).setHours(0, 0, 0, 0);
  const groups: ChatGroup[] = [
    { key: 'group.pinned', chats: [] },
    { key: 'group.today', chats: [] },
    { key: 'group.week', chats: [] },
    { key: 'group.earlier', chats: [] },
  ];
  for (const chat of list) {
    const at = chat.pinned ? 0 : chat.updated >= today ? 1 : chat.updated >= today - 6 * kDay ? 2 : 3;
    groups[at]!.chats.push(chat);
  }
  return groups.filter((group) => group.chats.length > 0);
}

// "... \uE000found\uE001 ...": the parts, and which of them were found.
export function excerptParts(excerpt: string): { text: string; isHit: boolean }[] {
  const parts: { text: string; isHit: boolean }[] = [];
  let isHit = false;
  for (const text of excerpt.split(/([\uE000\uE001])/)) {
    if (text === '\uE000' || text === '\uE001') isHit = text === '\uE000';
    else if (text !== '') parts.push({ text, isHit });
  }
  return parts;
}
