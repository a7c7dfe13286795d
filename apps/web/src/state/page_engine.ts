// SPDX-License-Identifier: Apache-2.0
// Starts the engine of a page that has one in itself, and tells the rest of the page how it is.
import { BrowserEngine } from '../engine/browser_engine';
import { ApiError, type Transport } from '../lib/transport/transport';
import { connection } from './connection.svelte';
import { device } from './device.svelte';
import { engine } from './engine.svelte';
import { keptStore, passingStore } from './session';

// A picture of a conversation, wherever that is kept.
async function original(sha256: string): Promise<Blob> {
  try {
    return await keptStore.picture(sha256);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return passingStore.picture(sha256);
    throw error;
  }
}

export function openPageEngine(): Transport {
  if (typeof Worker === 'undefined' || typeof WebAssembly === 'undefined') throw new ApiError(503, 'no_engine', 'this browser runs no engine');
  const own = new BrowserEngine({ version: __THIMBLE_VERSION__, original });
  engine.crashed = own.flag.crashed;
  engine.own = own;
  own.link.onState((state) => {
    engine.link = state;
    if (state.state === 'ready') {
      device.engine = state.facts;
      void own.openLast().catch(() => undefined);
    }
    void connection.look();
  });
  own.start();
  return own.transport;
}
