// SPDX-License-Identifier: Apache-2.0
// What the whole page talks through: one transport, one store, of whatever carries this page.
import { openCarrier } from '../lib/carrier';
import { exchangeCode, takeCode, takeToken } from '../lib/transport/token';
import { sendPicture } from '../lib/store/http_store';
import { MemoryStore } from '../lib/store/memory_store';
import { storeNotice } from './store_notice.svelte';

let token = '';

function storage(): Storage {
  try {
    return window.sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined } as unknown as Storage;
  }
}

const carrier = openCarrier({ token: () => token, storeState: storeNotice.take });
export const { kind: carrierKind, transport, keptStore } = carrier;
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

// An engine of this page's own asks for none.
export function hasToken(): boolean {
  return carrierKind !== 'server' || token !== '';
}
