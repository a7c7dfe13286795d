// SPDX-License-Identifier: Apache-2.0
// Files under names of the engine's own, over a pool of files of the browser's private file system that are open already:
// opening one there takes a promise, and the engine cannot wait for any. (SQLite's "opfs-sahpool" does the same.)
import { decodeTable, encodeTable, newerOf } from './name_table';
import type { OpenFile } from './open_file';

// A FileSystemSyncAccessHandle.
export interface SyncHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

// The folder that the pool's files lie in.
export interface PoolFolder {
  names(): Promise<string[]>;
  open(name: string): Promise<SyncHandle>; // makes it where it is not there
}

interface Slot {
  number: number;
  handle: SyncHandle;
  name: string; // empty: it is free, or was deleted while it is open
  users: number;
  isDirty: boolean;
}

const kTables = ['names-a', 'names-b'];
const kSlot = /^slot-(\d{3})$/;
const kLeast = 24; // files of a new pool
const kSpare = 12; // that are free when the engine is called
const kMost = 256;
const kRoomSteps = 6; // of halving, until room is told
const kTableRoom = 64 * 1024; // set aside, so that names can be written where storage is full

const slotName = (number: number) => `slot-${String(number).padStart(3, '0')}`;

export class HandlePool {
  private readonly slots: Slot[] = [];
  private readonly byName = new Map<string, Slot>();
  private growing = false;

  private constructor(
    private readonly folder: PoolFolder,
    private readonly tables: SyncHandle[],
    private generation: number,
  ) {}

  static async open(folder: PoolFolder, log: (text: string) => void = () => undefined): Promise<HandlePool> {
    const there = new Set((await folder.names()).map((name) => Number(kSlot.exec(name)?.[1] ?? -1)).filter((number) => number >= 0));
    const numbers = new Set([...there, ...Array(kLeast).keys()]);
    const opened: SyncHandle[] = [];
    const keep = async (name: string) => {
      const handle = await folder.open(name);
      opened.push(handle);
      return handle;
    };
    // Also after a refusal all that come are waited for: what stays open keeps the next try out.
    const results = await Promise.allSettled([...kTables, ...[...numbers].map(slotName)].map(keep));
    const refused = results.find((result) => result.status === 'rejected');
    if (refused) {
      for (const handle of opened) handle.close();
      throw refused.reason as Error;
    }
    const handles = results.map((result) => (result as PromiseFulfilledResult<SyncHandle>).value);
    const pool = new HandlePool(folder, handles.slice(0, 2), 0);
    for (const table of pool.tables) if (table.getSize() < kTableRoom) table.truncate(kTableRoom);
    [...numbers].forEach((number, i) => pool.slots.push({ number, handle: handles[i + 2]!, name: '', users: 0, isDirty: false }));
    pool.readTable(log);
    return pool;
  }

  list(): { name: string; bytes: number }[] {
    return [...this.byName].map(([name, { handle }]) => ({ name, bytes: handle.getSize() }));
  }

  // null: there is no such file; with `create`, no room for another one.
  open(name: string, create: boolean): OpenFile | null {
    let slot = this.byName.get(name);
    if (!slot && create) slot = this.claim(name);
    return slot ? this.fileOf(slot) : null;
  }

  delete(name: string): boolean {
    const slot = this.byName.get(name);
    if (!slot) return false;
    this.byName.delete(name);
    slot.name = '';
    this.writeTable(); // before its bytes go
    this.release(slot);
    return true;
  }

  // What has the name `to` is replaced, in one step.
  rename(from: string, to: string): boolean {
    const slot = this.byName.get(from);
    if (!slot) return false;
    if (from === to) return true;
    if (slot.isDirty) this.flush(slot);
    const replaced = this.byName.get(to);
    if (replaced) replaced.name = '';
    this.byName.delete(from);
    this.byName.set(to, slot);
    slot.name = to;
    this.writeTable();
    if (replaced) this.release(replaced);
    return true;
  }

  // Opens more files where few are free. Between calls of the engine.
  async grow(): Promise<void> {
    if (this.growing) return;
    this.growing = true;
    try {
      while (this.numFree() < kSpare && this.slots.length < kMost) {
        const number = this.firstUnused();
        const handle = await this.folder.open(slotName(number));
        if (handle.getSize() > 0) handle.truncate(0);
        this.slots.push({ number, handle, name: '', users: 0, isDirty: false });
      }
    } finally {
      this.growing = false;
    }
  }

  // How many of so many bytes there is room for. Browsers tell a quota that is not theirs (Chromium: 10 GiB whatever the
  // disk has), so room is set aside for a moment; what is refused costs nothing.
  room(bytes: number): number {
    const slot = this.slots.find((one) => one.name === '' && one.users === 0);
    if (!slot) return 0;
    const fits = (size: number) => {
      try {
        slot.handle.truncate(size);
        return slot.handle.getSize() === size; // where it does not fit, Chromium leaves it as it was
      } catch {
        return false;
      }
    };
    let found = 0;
    let refused = bytes;
    try {
      if (fits(bytes)) return bytes;
      for (let step = 0; step < kRoomSteps; step++) {
        const middle = Math.floor((found + refused) / 2);
        if (fits(middle)) found = middle;
        else refused = middle;
      }
      return found;
    } finally {
      slot.handle.truncate(0);
    }
  }

  get needsMore(): boolean {
    return this.numFree() < kSpare && this.slots.length < kMost;
  }

  close(): void {
    for (const handle of [...this.tables, ...this.slots.map((slot) => slot.handle)]) {
      try {
        handle.close();
      } catch {
        // The others are closed all the same.
      }
    }
  }

  private numFree(): number {
    return this.slots.filter(({ name, users }) => name === '' && users === 0).length;
  }

  private firstUnused(): number {
    const used = new Set(this.slots.map(({ number }) => number));
    let number = 0;
    while (used.has(number)) number++;
    return number;
  }

  private claim(name: string): Slot | undefined {
    const slot = this.slots.find((one) => one.name === '' && one.users === 0);
    if (!slot) return undefined;
    if (slot.handle.getSize() > 0) slot.handle.truncate(0);
    slot.name = name;
    this.byName.set(name, slot);
    try {
      this.writeTable();
    } catch (error) {
      slot.name = '';
      this.byName.delete(name);
      throw error;
    }
    return slot;
  }

  // A file that has no name any more goes with the last one who uses it.
  private release(slot: Slot): void {
    if (slot.name !== '' || slot.users > 0) return;
    slot.isDirty = false;
    slot.handle.truncate(0);
  }

  private flush(slot: Slot): void {
    slot.handle.flush();
    slot.isDirty = false;
  }

  private fileOf(slot: Slot): OpenFile {
    slot.users++;
    return {
      read: (at, into) => slot.handle.read(into, { at }),
      write: (at, from) => {
        slot.isDirty = true;
        return slot.handle.write(from, { at });
      },
      size: () => slot.handle.getSize(),
      truncate: (size) => {
        slot.isDirty = true;
        slot.handle.truncate(size);
      },
      flush: () => this.flush(slot),
      close: () => {
        slot.users--;
        this.release(slot);
      },
    };
  }

  private readTable(log: (text: string) => void): void {
    const read = (handle: SyncHandle) => {
      const bytes = new Uint8Array(handle.getSize());
      handle.read(bytes, { at: 0 });
      return decodeTable(bytes);
    };
    const table = newerOf(read(this.tables[0]!), read(this.tables[1]!));
    const numbers = new Map(this.slots.map((slot) => [slot.number, slot]));
    this.generation = table?.generation ?? 0;
    for (const [number, name] of table?.names ?? []) {
      const slot = numbers.get(number);
      if (!slot) {
        log(`${name} is gone from the browser's storage`);
        continue;
      }
      slot.name = name;
      this.byName.set(name, slot);
    }
    if (!table && this.slots.some(({ handle }) => handle.getSize() > 0)) log("the names of the engine's files could not be read; its storage begins anew");
    for (const slot of this.slots) if (slot.name === '' && slot.handle.getSize() > 0) slot.handle.truncate(0);
  }

  private writeTable(): void {
    const generation = this.generation + 1;
    const names = new Map([...this.byName].map(([name, { number }]) => [number, name]));
    const handle = this.tables[generation % 2]!;
    const bytes = encodeTable({ generation, names });
    if (handle.write(bytes, { at: 0 }) !== bytes.length) throw new DOMException('the table of names does not fit', 'QuotaExceededError');
    handle.flush();
    this.generation = generation;
  }
}
