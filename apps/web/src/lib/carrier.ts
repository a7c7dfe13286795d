// SPDX-License-Identifier: Apache-2.0
// What carries the page: a server, the browser itself with the engine in a worker, or the Android app. A build says which in
// index.html (<meta name="thimble-carrier" content="browser">; without it: a server). What only another one needs is not loaded.
import { listenForAppPort } from './app_port';
import { isOfApp, isOfBrowser, type CarrierKind } from './carrier_kind';
import { FetchTransport } from './transport/fetch_transport';
import type { Transport } from './transport/transport';
import { HttpStore } from './store/http_store';
import type { ChatStore } from './store/chat_store';
import type { StoreState } from './store/indexed_store';

export interface Carrier {
  kind: CarrierKind;
  transport: Transport;
  keptStore: ChatStore; // 501 where nothing is kept
}

export interface CarrierWishes {
  token(): string; // a server's
  // What a person has to know of the browser's store; `read` is called when they do.
  storeState(state: StoreState, read: () => void): void;
}

export function openCarrier({ token, storeState }: CarrierWishes): Carrier {
  if (isOfBrowser()) {
    const transport = lateTransport(async () => (await import('./transport/engine_transport')).openEngine());
    const keptStore = lateStore(async () => (await import('./store/browser_store')).openBrowserStore(transport, storeState));
    return { kind: 'browser', transport, keptStore };
  }
  if (isOfApp()) {
    listenForAppPort();
    const transport = lateTransport(async () => (await import('../android/start')).openApp());
    return { kind: 'android', transport, keptStore: new HttpStore(transport) };
  }
  const transport = new FetchTransport('', token);
  return { kind: 'server', transport, keptStore: new HttpStore(transport) };
}

// Opens once, at the first call; what failed is tried again by the next one.
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | null = null;
  return () =>
    (opened ??= open().catch((error: unknown) => {
      opened = null;
      throw error;
    }));
}

// A transport that is still being loaded.
export function lateTransport(open: () => Promise<Transport>): Transport {
  const opened = once(open);
  return { request: async (request) => (await opened()).request(request) };
}

// A store that is still being loaded; one that the page itself writes answers into.
export function lateStore(open: () => Promise<ChatStore>): ChatStore {
  const opened = once(open);
  const via = <T>(work: (store: ChatStore) => Promise<T>) => opened().then(work);
  return {
    isJournaled: false,
    list: (query) => via((store) => store.list(query)),
    get: (id) => via((store) => store.get(id)),
    create: (chat) => via((store) => store.create(chat)),
    change: (id, change) => via((store) => store.change(id, change)),
    delete: (id) => via((store) => store.delete(id)),
    add: (chat, message) => via((store) => store.add(chat, message)),
    changeMessage: (chat, message, change) => via((store) => store.changeMessage(chat, message, change)),
    deleteMessage: (chat, message) => via((store) => store.deleteMessage(chat, message)),
    import: (chat, messages) => via((store) => store.import(chat, messages)),
    journal: (chat, message) => via((store) => store.journal(chat, message)),
    putPicture: (file) => via((store) => store.putPicture(file)),
    picture: (sha256) => via((store) => store.picture(sha256)),
    settings: () => via((store) => store.settings()),
    setSettings: (settings) => via((store) => store.setSettings(settings)),
    space: () => via((store) => store.space()),
  };
}
