// SPDX-License-Identifier: Apache-2.0
// What the whole page talks through: one transport, one store, of whatever carries this page.
import { openCarrier } from '../lib/carrier';
import { takeToken } from '../lib/transport/token';
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

export function readToken(): void {
  token = takeToken(window.location, window.history, storage());
}

// An engine of this page's own asks for none.
export function hasToken(): boolean {
  return carrierKind === 'browser' || token !== '';
}
