// SPDX-License-Identifier: Apache-2.0
// What the whole page talks through: one transport, one store. Another carrier puts others in their place.
import { FetchTransport } from '../lib/transport/fetch_transport';
import { takeToken } from '../lib/transport/token';
import type { Transport } from '../lib/transport/transport';
import { HttpStore, sendPicture } from '../lib/store/http_store';
import { MemoryStore } from '../lib/store/memory_store';
import type { ChatStore } from '../lib/store/chat_store';

let token = '';

function storage(): Storage {
  try {
    return window.sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined } as unknown as Storage;
  }
}

export const transport: Transport = new FetchTransport('', () => token);
export const keptStore: ChatStore = new HttpStore(transport);
// For chats that are not kept, and where the service keeps none.
export const passingStore = new MemoryStore((file) => sendPicture(transport, file, false));

export function readToken(): void {
  token = takeToken(window.location, window.history, storage());
}

// The address with another token, opened where this page is already: a browser changes the fragment, and loads nothing.
export function onNewToken(listener: () => void): void {
  window.addEventListener('hashchange', () => {
    const before = window.location.hash;
    readToken();
    if (window.location.hash !== before) listener();
  });
}

export function hasToken(): boolean {
  return token !== '';
}
