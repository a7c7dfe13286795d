// SPDX-License-Identifier: Apache-2.0
import { afterEach, describe, expect, it, vi } from 'vitest';
import { lateStore, lateTransport, openCarrier } from '../../src/lib/carrier';
import { HttpStore } from '../../src/lib/store/http_store';
import { MemoryStore } from '../../src/lib/store/memory_store';
import { FetchTransport } from '../../src/lib/transport/fetch_transport';
import { isOfApp, isOfServer } from '../../src/lib/carrier_kind';
import { ApiError, ask } from '../../src/lib/transport/transport';
import { FakePort } from './fake_port';
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

  it('is the app where the page says so: its port may come before or after the first request', async () => {
    meta('android');
    const { kind, transport, keptStore } = openCarrier(wishes);
    expect([kind, keptStore instanceof HttpStore, isOfApp(), isOfServer()]).toEqual(['android', true, true, false]);
    const info = ask(transport, 'GET', '/thimble/v1/info');
    const hand = (port: FakePort, more: object = {}) => {
      const event = new MessageEvent('message', { data: 'thimble-port', ...more });
      Object.defineProperty(event, 'ports', { value: [port] });
      window.dispatchEvent(event);
    };
    const foreign = new FakePort();
    hand(foreign, { source: document.body.appendChild(document.createElement('iframe')).contentWindow });
    hand(foreign, { data: 'another word' });
    const port = new FakePort();
    hand(port);
    const asked = () => port.got.filter((message) => message.type === 'request');
    // The page's first requests need its modules, which take their time on a busy machine.
    await vi.waitFor(() => expect(asked()).toHaveLength(1), 30_000);
    const { id } = asked()[0]!;
    for (const message of [{ type: 'answer', id, status: 200, headers: [] }, { type: 'part', id, text: '{"pid": 7}' }, { type: 'end', id }] as const) port.tell(message as never);
    expect(await info).toEqual({ pid: 7 });
    expect(foreign.got).toEqual([]);
  }, 40_000);

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
