// SPDX-License-Identifier: Apache-2.0
// The store of a page that has its engine in itself, put together: conversations in the browser's database, pictures
// looked at by the engine, models' room told by it.
import { ask, type Transport } from '../transport/transport';
import { sendPicture } from './http_store';
import { IndexedStore, type StoreState } from './indexed_store';

export function openBrowserStore(transport: Transport, state: (state: StoreState, read: () => void) => void): Promise<IndexedStore> {
  return IndexedStore.open({
    look: (file) => sendPicture(transport, file, false),
    models: async () => {
      // Files that are read in place are listed with their ending, and take nothing. Kept models are packs all of them.
      const { models } = await ask<{ models: { name: string; bytes: number }[] }>(transport, 'GET', '/thimble/v1/models');
      const kept = models.filter(({ name }) => !/\.gguf$/i.test(name));
      return { models: kept.reduce((sum, { bytes }) => sum + bytes, 0), packs: 0 };
    },
    state,
  });
}
