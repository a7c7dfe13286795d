// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { HandlePool, type PoolFolder, type SyncHandle } from '../../src/engine/handle_pool';
import { decodeTable, encodeTable } from '../../src/engine/name_table';

// A folder whose files outlive the handles; `budget` is how many bytes may still be written before the tab "ends".
class FakeFolder implements PoolFolder {
  readonly files = new Map<string, Uint8Array>();
  budget = Infinity;
  room = Infinity; // of one file
  isEnded = false;
  private readonly open_ = new Set<string>();

  async names(): Promise<string[]> {
    return [...this.files.keys()];
  }

  async open(name: string): Promise<SyncHandle> {
    if (this.open_.has(name)) throw new DOMException(name, 'NoModificationAllowedError');
    this.open_.add(name);
    if (!this.files.has(name)) this.files.set(name, new Uint8Array(0));
    const get = () => this.files.get(name)!;
    const resize = (size: number) => {
      const next = new Uint8Array(size);
      next.set(get().subarray(0, size));
      this.files.set(name, next);
    };
    const check = () => {
      if (this.isEnded) throw new Error('the tab has ended');
    };
    return {
      read: (into, { at }) => {
        const part = get().subarray(at, at + into.length);
        into.set(part);
        return part.length;
      },
      write: (from, { at }) => {
        check();
        const length = Math.min(from.length, this.budget);
        this.budget -= length;
        if (at + length > get().length) resize(at + length);
        get().set(from.subarray(0, length), at);
        if (length < from.length) {
          this.isEnded = true;
          throw new Error('the tab has ended');
        }
        return length;
      },
      getSize: () => get().length,
      truncate: (size) => {
        check();
        if (size <= this.room) resize(size); // as Chromium has it: without a word
      },
      flush: check,
      close: () => this.open_.delete(name),
    };
  }

  // As after a crash: handles are gone, files stay.
  restart(): void {
    this.open_.clear();
    this.budget = Infinity;
    this.isEnded = false;
  }
}

const bytes = (text: string) => new TextEncoder().encode(text);

function put(pool: HandlePool, name: string, text: string): void {
  const file = pool.open(name, true)!;
  file.write(0, bytes(text));
  file.flush();
  file.close();
}

function get(pool: HandlePool, name: string): string | null {
  const file = pool.open(name, false);
  if (!file) return null;
  const into = new Uint8Array(file.size());
  file.read(0, into);
  file.close();
  return new TextDecoder().decode(into);
}

const namesOf = (pool: HandlePool) => pool.list().map(({ name }) => name).sort();

describe('HandlePool', () => {
  it('keeps files under their names, over restarts', async () => {
    const folder = new FakeFolder();
    const first = await HandlePool.open(folder);
    expect(first.open('a/model.pack', false)).toBeNull();
    put(first, 'a/model.pack', 'weights');
    put(first, 'a/.upload/ü', 'part');
    expect(first.list()).toEqual([{ name: 'a/model.pack', bytes: 7 }, { name: 'a/.upload/ü', bytes: 4 }]);
    first.close();
    const second = await HandlePool.open(folder);
    expect(namesOf(second)).toEqual(['a/.upload/ü', 'a/model.pack']);
    expect(get(second, 'a/model.pack')).toBe('weights');
  });

  it('renames in one step, over what was there', async () => {
    const folder = new FakeFolder();
    const pool = await HandlePool.open(folder);
    put(pool, 'new', 'new bytes');
    put(pool, 'old', 'old');
    expect(pool.rename('new', 'old')).toBe(true);
    expect(pool.rename('absent', 'old')).toBe(false);
    expect(namesOf(pool)).toEqual(['old']);
    expect(get(pool, 'old')).toBe('new bytes');
    folder.restart();
    expect(get(await HandlePool.open(folder), 'old')).toBe('new bytes');
  });

  it('gives back what is deleted, also to nobody who has it open', async () => {
    const folder = new FakeFolder();
    const pool = await HandlePool.open(folder);
    put(pool, 'a', 'secret');
    const open = pool.open('a', false)!;
    expect(pool.delete('a')).toBe(true);
    expect(pool.delete('a')).toBe(false);
    put(pool, 'b', 'x'); // another file, not the open one's
    const into = new Uint8Array(6);
    expect(open.read(0, into)).toBe(6);
    open.close();
    const total = [...folder.files].filter(([name]) => name.startsWith('slot')).reduce((sum, [, file]) => sum + file.length, 0);
    expect(total).toBe(1);
  });

  it('has files free for the next call, and gives null where it has none', async () => {
    const folder = new FakeFolder();
    const pool = await HandlePool.open(folder);
    for (let i = 0; i < 24; i++) put(pool, `${i}`, `${i}`);
    expect(pool.open('one more', true)).toBeNull();
    expect(pool.needsMore).toBe(true);
    await pool.grow();
    expect(pool.needsMore).toBe(false);
    put(pool, 'one more', 'is here');
    folder.restart();
    const again = await HandlePool.open(folder);
    expect(again.list().length).toBe(25);
    expect(get(again, 'one more')).toBe('is here');
  });

  it('has the state before or after, wherever a tab ends', async () => {
    // Each number of bytes at which writing may stop, over a rename that replaces.
    for (let budget = 0; budget < 140; budget++) {
      const folder = new FakeFolder();
      const pool = await HandlePool.open(folder);
      put(pool, 'model', 'old');
      put(pool, 'coming', 'new');
      folder.budget = budget;
      try {
        pool.rename('coming', 'model');
      } catch {
        // It ended.
      }
      folder.restart();
      const after = await HandlePool.open(folder);
      const state = `${namesOf(after).join()}: ${get(after, 'model')}`;
      expect(['coming,model: old', 'model: new']).toContain(state);
      if (budget > 130) expect(state).toBe('model: new');
    }
  });

  it('begins anew where both tables are broken, and says so', async () => {
    const folder = new FakeFolder();
    const pool = await HandlePool.open(folder);
    put(pool, 'a', 'bytes');
    folder.restart();
    for (const name of ['names-a', 'names-b']) folder.files.get(name)!.fill(7, 0, 40);
    const lines: string[] = [];
    const again = await HandlePool.open(folder, (line) => lines.push(line));
    expect(again.list()).toEqual([]);
    expect(lines.join()).toContain('anew');
  });

  it('finds out how much room there is, and takes none of it', async () => {
    const folder = new FakeFolder();
    const pool = await HandlePool.open(folder);
    put(pool, 'a', 'b');
    expect(pool.room(100_000)).toBe(100_000);
    folder.room = 70_000;
    const found = pool.room(100_000);
    expect(found).toBeLessThanOrEqual(70_000);
    expect(found).toBeGreaterThan(68_000);
    expect([...folder.files.values()].reduce((sum, file) => sum + file.length, 0)).toBe(2 * 65536 + 1);
    expect(get(pool, 'a')).toBe('b');
  });

  it('closes everything where a file is held elsewhere', async () => {
    const folder = new FakeFolder();
    const held = await folder.open('slot-003');
    await expect(HandlePool.open(folder)).rejects.toThrow('slot-003');
    held.close();
    const pool = await HandlePool.open(folder);
    put(pool, 'a', 'b');
    expect(get(pool, 'a')).toBe('b');
  });
});

describe('the table of names', () => {
  const table = { generation: 7, names: new Map([[0, 'a'], [3, 'ü/x']]) };

  it('comes back, whatever stands behind it', () => {
    const whole = encodeTable(table);
    const longer = new Uint8Array(whole.length + 50).fill(9);
    longer.set(whole);
    expect(decodeTable(longer)).toEqual(table);
  });

  it('is refused with any byte changed or missing', () => {
    const whole = encodeTable(table);
    for (let at = 0; at < whole.length; at++) {
      const broken = whole.slice();
      broken[at]! ^= 0x10;
      expect(decodeTable(broken)).toBeNull();
      expect(decodeTable(whole.subarray(0, at))).toBeNull();
    }
  });
});
