// SPDX-License-Identifier: Apache-2.0
// What the whole page talks through: one transport, one store. Another carrier puts others in their place.
import { FetchTransport } from '../lib/transport/fetch_transport';
import { exchangeCode, takeCode, takeToken } from '../lib/transport/token';
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

// What stands in the address goes from it before this gives way to anything else.
export async function readToken(): Promise<void> {
  const code = takeCode(window.location, window.history);
  let taken = code === '' ? '' : await exchangeCode(code, window.fetch.bind(window), storage());
  if (taken === '') taken = takeToken(window.location, window.history, storage());
  if (taken !== '') token = taken;
}

// The address with another token, opened where this page is already: a browser changes the fragment, and loads nothing.
export function onNewToken(listener: () => void): void {
  window.addEventListener('hashchange', () => {
    const before = window.location.hash;
    const reading = readToken();
    if (window.location.hash !== before) void reading.then(listener);
  });
}

export function hasToken(): boolean {
  return token !== '';
}
