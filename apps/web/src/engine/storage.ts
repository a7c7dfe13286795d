// SPDX-License-Identifier: Apache-2.0
// The engine's files: its imports storage_*. Nothing here throws into the engine: what fails is a number.
import type { EngineMemory } from './engine_memory';
import type { FreeSpace } from './free_space';
import type { HandlePool } from './handle_pool';
import type { OpenFile } from './open_file';
import { kPicked, type PickedFiles } from './picked_files';

const kFailed = -1;
const kMostName = 255; // bytes
const kBounce = 1024 * 1024;

// What a write gave. Chromium 156 has no exception for storage that is full, but an error's number (4294967288): nothing
// that counts was written then.
function whole(written: number, wanted: number): number {
  return written >= 0 && written <= wanted ? written : 0;
}

export interface StorageParts {
  pool: HandlePool | null; // null: nothing can be kept
  picked: PickedFiles;
  free: FreeSpace;
  log: (text: string) => void;
}

export class EngineStorage {
  private readonly handles: (OpenFile | null)[] = [];
  private bounce: Uint8Array | null = null; // where handles do not read into shared memory
  private hasDeleted = false;

  constructor(
    private readonly parts: StorageParts,
    private readonly memory: EngineMemory,
  ) {}

  imports(): Record<string, (...values: number[]) => number> {
    const guard = (what: string, work: (...values: number[]) => number) => (...values: number[]) => {
      try {
        return work(...values);
      } catch (error) {
        this.parts.log(`${what}: ${String(error)}`);
        return kFailed;
      }
    };
    const done = (what: string, work: (...values: number[]) => boolean) => guard(what, (...values) => (work(...values) ? 0 : kFailed));
    return {
      storage_list: guard('storage_list', (to, room) => this.memory.putText(JSON.stringify(this.list()), to!, room!)),
      storage_open: guard('storage_open', (at, length, create) => this.open(this.name(at!, length!), create !== 0)),
      storage_read: guard('storage_read', (handle, offset, to, size) => this.read(this.find(handle!), offset!, to!, size!)),
      storage_write: guard('storage_write', (handle, offset, from, size) => this.write(this.find(handle!), offset!, from!, size!)),
      storage_size: guard('storage_size', (handle) => this.find(handle!).size()),
      storage_truncate: guard('storage_truncate', (handle, size) => this.truncate(this.find(handle!), size!)),
      storage_flush: guard('storage_flush', (handle) => (this.find(handle!).flush(), 0)),
      storage_close: guard('storage_close', (handle) => this.close(handle!)),
      storage_delete: done('storage_delete', (at, length) => this.delete(this.name(at!, length!))),
      storage_rename: done('storage_rename', (at, length, to, toLength) => this.rename(this.name(at!, length!), this.name(to!, toLength!))),
      storage_free: () => (this.parts.pool ? this.parts.free.bytes : 0),
    };
  }

  // What takes promises, between calls of the engine.
  async tend(): Promise<void> {
    const { pool, free } = this.parts;
    if (pool?.needsMore) await pool.grow();
    const isLess = this.hasDeleted;
    this.hasDeleted = false;
    await free.refresh(isLess);
  }

  private list(): { name: string; bytes: number }[] {
    return [...(this.parts.pool?.list() ?? []), ...this.parts.picked.list()];
  }

  private name(at: number, length: number): string {
    if (length >>> 0 > kMostName) throw new Error('a name is longer than 255 bytes');
    return this.memory.text(at, length);
  }

  private find(handle: number): OpenFile {
    const file = this.handles[handle];
    if (!file) throw new Error(`there is no open file ${handle}`);
    return file;
  }

  private open(name: string, create: boolean): number {
    const isPicked = name.startsWith(kPicked);
    const file = isPicked ? this.parts.picked.open(name) : (this.parts.pool?.open(name, create) ?? null);
    if (!file) return kFailed;
    const unused = this.handles.indexOf(null);
    const handle = unused < 0 ? this.handles.length : unused;
    this.handles[handle] = file;
    return handle;
  }

  private close(handle: number): number {
    const file = this.find(handle);
    this.handles[handle] = null;
    file.close();
    return 0;
  }

  private read(file: OpenFile, offset: number, to: number, size: number): number {
    if (!this.bounce) {
      try {
        return file.read(offset, this.memory.view(to, size));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        this.bounce = new Uint8Array(kBounce);
      }
    }
    let done = 0;
    while (done < size >>> 0) {
      const piece = this.bounce.subarray(0, Math.min(kBounce, (size >>> 0) - done));
      const got = file.read(offset + done, piece);
      this.memory.view((to >>> 0) + done, got).set(piece.subarray(0, got));
      done += got;
      if (got < piece.length) break;
    }
    return done;
  }

  // Fewer bytes than were given: there is no room for more.
  private write(file: OpenFile, offset: number, from: number, size: number): number {
    let done = 0;
    try {
      if (!this.bounce) {
        try {
          done = whole(file.write(offset, this.memory.view(from, size)), size >>> 0);
          return done;
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          this.bounce = new Uint8Array(kBounce);
        }
      }
      while (done < size >>> 0) {
        const piece = this.bounce.subarray(0, Math.min(kBounce, (size >>> 0) - done));
        piece.set(this.memory.view((from >>> 0) + done, piece.length));
        const put = whole(file.write(offset + done, piece), piece.length);
        done += put;
        if (put < piece.length) break;
      }
      return done;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'QuotaExceededError') return done;
      throw error;
    } finally {
      this.parts.free.wrote(done);
    }
  }

  private truncate(file: OpenFile, size: number): number {
    file.truncate(size);
    this.hasDeleted = true;
    return 0;
  }

  private delete(name: string): boolean {
    this.hasDeleted = true;
    return !name.startsWith(kPicked) && (this.parts.pool?.delete(name) ?? false);
  }

  private rename(from: string, to: string): boolean {
    if (from.startsWith(kPicked) || to.startsWith(kPicked)) return false;
    return this.parts.pool?.rename(from, to) ?? false;
  }
}
