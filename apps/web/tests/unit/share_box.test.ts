// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { keepShared, takeShared } from '../../src/shell/share_box';

describe('what is shared', () => {
  const kScope = 'https://host.example/app/';

  // Caches that take so many bytes.
  function fakeCaches(room = Infinity): { caches: CacheStorage; names: () => string[] } {
    const all = new Map<string, Map<string, Response>>();
    const open = (name: string) => {
      const entries = all.get(name) ?? new Map<string, Response>();
      all.set(name, entries);
      return {
        async put(url: string, answer: Response) {
          const { size } = await answer.clone().blob();
          if (size > room) throw new DOMException('no room', 'QuotaExceededError');
          room -= size;
          entries.set(url, answer);
        },
        keys: async () => [...entries.keys()],
        match: async (url: string) => entries.get(url),
      };
    };
    const made = { open: async (name: string) => open(name), has: async (name: string) => all.has(name), delete: async (name: string) => all.delete(name) };
    return { caches: made as unknown as CacheStorage, names: () => [...all.keys()] };
  }
  function form(fields: Record<string, string>, ...files: [name: string, bytes: number, type?: string][]): FormData {
    const made = new FormData();
    for (const [name, text] of Object.entries(fields)) made.set(name, text);
    for (const [name, bytes, type = 'image/png'] of files) made.append('files', new File([new Uint8Array(bytes)], name, { type }));
    return made;
  }

  it('is taken once, with its names, and only the last of it', async () => {
    const { caches, names } = fakeCaches();
    expect(await takeShared(caches, kScope)).toBeNull();
    await keepShared(caches, kScope, form({ text: 'before' }, ['old.png', 3]));
    await keepShared(caches, kScope, form({ title: 'Same', text: 'Same', url: ' ' }, ['zwölf & 13.png', 5], ['photo', 2, '']));
    expect(names()).toEqual(['thimble:share:/app/']);
    const shared = (await takeShared(caches, kScope))!;
    expect([shared.text, shared.leftOut]).toEqual(['Same', []]);
    expect(shared.files.map(({ name, size, type }) => [name, size, type])).toEqual([['zwölf & 13.png', 5, 'image/png'], ['photo', 2, 'application/octet-stream']]);
    expect([await takeShared(caches, kScope), names()]).toEqual([null, []]);
  });

  it('has bounds, and what has no room is told of', async () => {
    const { caches } = fakeCaches(100);
    await keepShared(caches, kScope, form({ text: 'Look' }, ['a.png', 60], ['b.png', 60], ['c.png', 20]));
    const shared = (await takeShared(caches, kScope))!;
    expect([shared.text, shared.files.map(({ name }) => name), shared.leftOut]).toEqual(['Look', ['a.png', 'c.png'], ['b.png']]);
    const many = fakeCaches();
    await keepShared(many.caches, kScope, form({ text: 'x'.repeat(300_000) }, ...Array.from({ length: 40 }, (_, i): [string, number] => [`${i}`, 1])));
    const bounded = (await takeShared(many.caches, kScope))!;
    expect([bounded.text.length, bounded.files.length, bounded.leftOut]).toEqual([200_000, 17, []]);
  });
});
