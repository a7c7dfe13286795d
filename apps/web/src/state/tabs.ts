// SPDX-License-Identifier: Apache-2.0
// Other tabs of this page in this browser.

type Word = 'changed' | { stop: string };

export interface TabEvents {
  // Another tab changed chats.
  changed(): void;
  // Another tab wants an answer stopped that may be written here.
  stop(answer: string): void;
}

const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('thimble:chats');

export function listenToTabs({ changed, stop }: TabEvents): void {
  channel?.addEventListener('message', ({ data }: MessageEvent<Word>) => {
    if (typeof data === 'object' && typeof data?.stop === 'string') stop(data.stop);
    else changed();
  });
}

export function tellTabs(word: Word): void {
  channel?.postMessage(word);
}
