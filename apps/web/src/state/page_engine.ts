// SPDX-License-Identifier: Apache-2.0
// Starts the engine of a page that has one in itself, and tells the rest of the page how it is.
import { BrowserEngine } from '../engine/browser_engine';
import { bytes } from '../lib/i18n/format';
import { t } from '../lib/i18n/i18n.svelte';
import { ApiError, type Transport } from '../lib/transport/transport';
import { connection } from './connection.svelte';
import { device } from './device.svelte';
import { engine } from './engine.svelte';
import { watchEngine } from './engine_watch.svelte';
import type { Arriving } from './model_import.svelte';
import { models } from './models.svelte';
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

// Whether a model of so many bytes fits into the browser's storage.
async function prepare(own: BrowserEngine, size: number): Promise<string> {
  const { fits, needed, free } = await own.prepareImport(size);
  return fits ? '' : t('own.noRoom', { needed: bytes(needed), free: bytes(free) });
}

// The first model is opened: nobody brings one for anything else.
async function arrived(one: Arriving): Promise<void> {
  await models.refresh();
  if (one.state !== 'done') return;
  if (!models.isMissing || !models.list.some(({ name }) => name === one.name)) return;
  models.dismiss(one);
  await models.openModel(one.name);
}

export function openPageEngine(): Transport {
  watchEngine();
  if (typeof Worker === 'undefined' || typeof WebAssembly === 'undefined') throw new ApiError(503, 'no_engine', 'this browser runs no engine');
  const own = new BrowserEngine({ version: __THIMBLE_VERSION__, original });
  engine.crashed = own.flag.crashed;
  engine.own = own;
  models.prepare = (size) => prepare(own, size);
  models.arrived = (one) => void arrived(one);
  own.link.onState((state) => {
    engine.link = state;
    if (state.state === 'starting') engine.isAgainRead = false;
    if (state.state === 'ready') {
      device.engine = state.facts;
      engine.crashed = own.flag.crashed;
      // The model that was open last, unless loading it ended the page.
      if (own.flag.toOpen === '') void models.refresh();
      else void models.openModel(own.flag.toOpen);
    }
    void connection.look();
  });
  own.start();
  return own.transport;
}
