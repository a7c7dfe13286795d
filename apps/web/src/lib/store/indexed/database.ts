// SPDX-License-Identifier: Apache-2.0
// A connection to an IndexedDB database: opened when it is needed, brought to the newest version, given up when another
// tab needs a newer one. Transactions hold whole or not at all; errors are ApiErrors.
import { ApiError } from '../../transport/transport';

// Brings the database from one version to the next; what it rejects with leaves the database as it was.
export type Upgrade = (database: IDBDatabase, transaction: IDBTransaction) => void | Promise<void>;

// blocked: a tab with an older page keeps the database from its upgrade. outdated: a newer page has taken it over, and
// nothing can be kept from here until this page is loaded again. open: neither.
export type DatabaseState = 'blocked' | 'outdated' | 'open';

export interface DatabaseEvents {
  state?(state: DatabaseState): void;
  // There was none before.
  made?(): void;
  // The connection is about to be given up: the last chance to write.
  closing?(): void;
}

export const ask = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });

const ended = (transaction: IDBTransaction): Promise<void> =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException('aborted', 'AbortError'));
  });

export class Database {
  private open: IDBDatabase | null = null;
  private opening: Promise<IDBDatabase> | null = null;
  private isOutdated = false;

  constructor(
    private readonly name: string,
    private readonly upgrades: readonly Upgrade[], // the first one makes version 1
    private readonly events: DatabaseEvents = {},
    private readonly factory: IDBFactory | undefined = globalThis.indexedDB,
  ) {}

  // `work` awaits requests of the transaction and nothing else. What it throws undoes everything.
  async run<T>(mode: 'readonly' | 'readwrite', stores: string[], work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      const database = await this.connect();
      try {
        return await this.runIn(database.transaction(stores, mode, { durability: mode === 'readwrite' ? 'strict' : 'default' }), work);
      } catch (error) {
        if (tries > 0 || !isLost(error)) throw asStoreError(error);
        this.forget(database);
      }
    }
  }

  // Requests that need no answers. They are made before this returns where the database is open: a page that is being
  // closed has no later.
  send(stores: string[], work: (transaction: IDBTransaction) => void): Promise<void> {
    if (!this.open) return this.run('readwrite', stores, async (transaction) => work(transaction));
    try {
      const transaction = this.open.transaction(stores, 'readwrite', { durability: 'relaxed' });
      const done = ended(transaction);
      work(transaction);
      transaction.commit();
      return done.catch((error: unknown) => Promise.reject(asStoreError(error)));
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }

  close(): void {
    if (this.open) this.forget(this.open);
  }

  private async runIn<T>(transaction: IDBTransaction, work: (transaction: IDBTransaction) => Promise<T>): Promise<T> {
    const done = ended(transaction);
    done.catch(() => undefined);
    let value: T;
    try {
      value = await work(transaction);
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It is already.
      }
      const why = await done.then(() => null, () => transaction.error);
      // A full disk ends the transaction, and its requests only say that it ended.
      throw error instanceof DOMException && error.name === 'AbortError' && why ? why : error;
    }
    await done;
    return value;
  }

  private connect(): Promise<IDBDatabase> {
    if (this.isOutdated) return Promise.reject(new ApiError(409, 'outdated', 'a newer page has taken the conversations over'));
    this.opening ??= this.openAnew().catch((error: unknown) => {
      this.opening = null;
      throw asOpenError(error);
    });
    return this.opening;
  }

  private openAnew(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      if (!this.factory) throw new ApiError(501, 'no_store', 'this browser keeps no conversations');
      const request = this.factory.open(this.name, this.upgrades.length);
      let fault: unknown = null;
      let isNew = false;
      let isBlocked = false;
      request.onblocked = () => {
        isBlocked = true;
        this.events.state?.('blocked');
      };
      request.onupgradeneeded = ({ oldVersion }) => {
        isNew = oldVersion === 0;
        void this.upgrade(request, oldVersion).catch((error: unknown) => (fault = error));
      };
      request.onerror = () => reject(fault ?? request.error);
      request.onsuccess = () => {
        this.take(request.result);
        if (isBlocked) this.events.state?.('open');
        if (isNew) this.events.made?.();
        resolve(request.result);
      };
    });
  }

  private async upgrade(request: IDBOpenDBRequest, from: number): Promise<void> {
    const transaction = request.transaction!;
    try {
      for (const step of this.upgrades.slice(from)) await step(request.result, transaction);
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It is already.
      }
      throw error;
    }
  }

  private take(database: IDBDatabase): void {
    this.open = database;
    database.onversionchange = ({ newVersion }) => {
      this.events.closing?.();
      this.forget(database);
      if (newVersion === null) return; // somebody deletes it: the next call makes it anew
      this.isOutdated = true;
      this.events.state?.('outdated');
    };
    database.onclose = () => this.forget(database);
  }

  private forget(database: IDBDatabase): void {
    database.close();
    if (this.open !== database) return;
    this.open = null;
    this.opening = null;
  }
}

// Moves every record of a store into another one of this version, counts both, and only then deletes the old one.
export async function moveStore(database: IDBDatabase, transaction: IDBTransaction, from: string, to: string, change: (record: unknown) => unknown): Promise<void> {
  const [old, made] = [transaction.objectStore(from), transaction.objectStore(to)];
  const before = await ask(made.count());
  await new Promise<void>((resolve, reject) => {
    const request = old.openCursor();
    request.onerror = () => reject(request.error!);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return resolve();
      try {
        made.add(change(cursor.value));
        cursor.continue();
      } catch (error) {
        reject(error as Error);
      }
    };
  });
  const [wanted, found] = [await ask(old.count()), (await ask(made.count())) - before];
  if (wanted !== found) throw new ApiError(500, 'upgrade', `the copy in this version's form has ${found} of ${wanted} entries; nothing was changed`);
  database.deleteObjectStore(from);
}

// The connection went: WebKit loses it when it ends its own process, and tabs whose data is cleared do.
function isLost(error: unknown): boolean {
  if (!(error instanceof DOMException)) return false;
  return error.name === 'InvalidStateError' || (error.name === 'UnknownError' && /lost/i.test(error.message));
}

export function asStoreError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const name = (error as { name?: unknown } | null)?.name;
  if (name === 'QuotaExceededError') return new ApiError(507, 'full', 'this browser gives the page no more room');
  return new ApiError(500, 'store', String(error));
}

function asOpenError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const name = (error as { name?: unknown } | null)?.name;
  if (name === 'VersionError') return new ApiError(409, 'newer', 'a newer page wrote the conversations');
  if (name === 'SecurityError' || name === 'InvalidStateError') return new ApiError(501, 'no_store', String(error));
  return asStoreError(error);
}
