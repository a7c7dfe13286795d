// SPDX-License-Identifier: Apache-2.0
// A service for tests over the routes: one that runs (THIMBLE_URL, THIMBLE_TOKEN; give it a home of its own, its chats are
// deleted), or the mock.
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll } from 'vitest';
import { HttpStore } from '../../src/lib/store/http_store';
import { FetchTransport } from '../../src/lib/transport/fetch_transport';

// Gives what opens its store, without a chat.
export function serviceForTests(): () => Promise<HttpStore> {
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
  return async () => {
    const store = new HttpStore(new FetchTransport(url, () => token));
    for (let list = await store.list({}); list.length > 0; list = await store.list({})) for (const { id } of list) await store.delete(id);
    return store;
  };
}
