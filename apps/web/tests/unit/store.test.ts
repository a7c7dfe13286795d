// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import 'fake-indexeddb/auto';
import { HttpStore } from '../../src/lib/store/http_store';
import { IndexedStore } from '../../src/lib/store/indexed_store';
import { MemoryStore } from '../../src/lib/store/memory_store';
import { FetchTransport } from '../../src/lib/transport/fetch_transport';
import { makePng } from '../e2e/png';
import { storeSuite } from './store_suite';

const picture = () => new Blob([new Uint8Array(makePng(40, 30))], { type: 'image/png' });

storeSuite('MemoryStore', async () => new MemoryStore(), picture);

let databases = 0;
storeSuite('IndexedStore', () => IndexedStore.open({ name: `suite ${databases++}` }), picture);

// Over the routes: a server that runs (THIMBLE_URL, THIMBLE_TOKEN), or the mock. Its chats are deleted before each test,
// so give it a home of its own.
let url = process.env['THIMBLE_URL'] ?? '';
let token = process.env['THIMBLE_TOKEN'] ?? '';
let server: ChildProcess | null = null;
beforeAll(async () => {
  if (url) return;
  server = spawn(process.execPath, [join(import.meta.dirname, '../mock_server/server.mjs')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) => createInterface({ input: server!.stdout! }).once('line', resolve));
  ({ url, token } = JSON.parse(line) as { url: string; token: string });
});
afterAll(() => server?.kill());

storeSuite(
  'HttpStore',
  async () => {
    const store = new HttpStore(new FetchTransport(url, () => token));
    for (const { id } of await store.list({})) await store.delete(id);
    return store;
  },
  picture,
);
