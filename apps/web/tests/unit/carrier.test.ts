// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it } from 'vitest';
import { lateStore, lateTransport, openCarrier } from '../../src/lib/carrier';
import { HttpStore } from '../../src/lib/store/http_store';
import { MemoryStore } from '../../src/lib/store/memory_store';
import { FetchTransport } from '../../src/lib/transport/fetch_transport';
import { ApiError } from '../../src/lib/transport/transport';
import { storeSuite } from './store_suite';

const wishes = { token: () => '', storeState: () => undefined };
const meta = (content: string) => {
  const element = document.createElement('meta');
  element.name = 'thimble-carrier';
  element.content = content;
  document.head.append(element);
};
afterEach(() => document.head.replaceChildren());

describe('The carrier', () => {
  it('is a server unless the page says otherwise', () => {
    for (const content of ['', 'server', 'something']) {
      if (content) meta(content);
      const { kind, transport, keptStore } = openCarrier(wishes);
      expect([kind, transport instanceof FetchTransport, keptStore instanceof HttpStore]).toEqual(['server', true, true]);
    }
  });

  it('is the browser where the page says so; without an engine its requests say that', async () => {
    meta('browser');
    const { kind, transport, keptStore } = openCarrier(wishes);
    expect([kind, keptStore.isJournaled]).toEqual(['browser', false]);
    await expect(transport.request({ method: 'GET', path: '/thimble/v1/info' })).rejects.toMatchObject({ status: 503 });
    // jsdom has no database.
    await expect(keptStore.list({})).rejects.toMatchObject({ status: 501 });
  });

  it('opens what is late once, and again where that failed', async () => {
    let tries = 0;
    const store = lateStore(async () => {
      if (++tries === 1) throw new ApiError(409, 'newer', '');
      return new MemoryStore();
    });
    await expect(store.list({})).rejects.toMatchObject({ code: 'newer' });
    await Promise.all([store.create({ title: 'Tea' }), store.create({ title: 'Milk' })]);
    expect([(await store.list({})).length, tries]).toEqual([2, 2]);
    const transport = lateTransport(async () => ({ request: async ({ path }) => ({ status: 200, header: () => path, body: async function* () {} }) }));
    expect((await transport.request({ method: 'GET', path: '/x' })).header('')).toBe('/x');
  });
});

// Whatever a store can do, it can do late.
storeSuite('A late store', async () => lateStore(async () => new MemoryStore()), () => new Blob(['picture'], { type: 'image/png' }));
