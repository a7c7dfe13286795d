// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it, vi } from 'vitest';
import { AnswerOutbox, Engine } from '../../src/engine/engine';
import type { EngineExports } from '../../src/engine/engine_exports';
import { EngineMemory } from '../../src/engine/engine_memory';
import { FreeSpace } from '../../src/engine/free_space';
import { PickedFiles } from '../../src/engine/picked_files';
import type { AnswerPart } from '../../src/engine/protocol';
import { EngineStorage } from '../../src/engine/storage';
import { Turns } from '../../src/engine/turns';
import { kRelaxedProbe, kSimdProbe, memoryMaxima, threadsFor, variantsFor, type BrowserFacts } from '../../src/engine/variants';
import { wasiCalls } from '../../src/engine/wasi';
import { sharedMemory } from '../../src/engine/load_module';

const memoryOf = (shared = false) => new WebAssembly.Memory({ initial: 2, maximum: 4, shared });
const kBrowser: BrowserFacts = { isIsolated: true, hasSharedMemory: true, hasSimd: true, hasRelaxed: true, cores: 8, isSmall: false };

describe('the choice of a module', () => {
  it('has probes that are modules', () => {
    expect(WebAssembly.validate(kSimdProbe)).toBe(true);
    expect(WebAssembly.validate(kRelaxedProbe)).toBe(true);
    const cut = kRelaxedProbe.slice();
    cut[cut.length - 3] = 0xff; // no such instruction
    expect(WebAssembly.validate(cut)).toBe(false);
  });

  it('follows isolation and instructions', () => {
    expect(variantsFor(kBrowser)).toEqual(['relaxed-threads', 'simd-threads', 'simd']);
    expect(variantsFor({ ...kBrowser, hasRelaxed: false })).toEqual(['simd-threads', 'simd']);
    expect(variantsFor({ ...kBrowser, isIsolated: false })).toEqual(['simd']);
    expect(variantsFor({ ...kBrowser, hasSharedMemory: false })).toEqual(['simd']);
    expect(variantsFor({ ...kBrowser, hasSimd: false })).toEqual([]);
    expect(variantsFor(kBrowser, ['relaxed-threads'])).toEqual(['simd-threads', 'simd']);
  });

  it('takes at most four threads unasked', () => {
    expect(threadsFor('simd', 8, 0)).toBe(1);
    expect(threadsFor('simd-threads', 8, 0)).toBe(4);
    expect(threadsFor('simd-threads', 2, 0)).toBe(2);
    expect(threadsFor('relaxed-threads', 8, 6)).toBe(6);
  });

  it('asks for less memory after a refusal', () => {
    expect(memoryMaxima(0, false)[0]).toBe(65535);
    expect(memoryMaxima(0, true)[0]).toBe(1280 * 16);
    expect(memoryMaxima(1024 * 1024 * 1024, false)).toEqual([1024 * 16, 768 * 16, 512 * 16, 256 * 16]);
    const lines: string[] = [];
    // 70000 pages are more than there can be.
    const { maximum, memory } = sharedMemory([70000, 2048], (line) => lines.push(line));
    expect(maximum).toBe(2048);
    expect(memory.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(lines.length).toBe(1);
  });
});

describe('WASI', () => {
  it('writes lines, tells times and random bytes, and ends with the last line', () => {
    const raw = memoryOf(true);
    const memory = new EngineMemory(raw);
    const lines: string[] = [];
    const calls = wasiCalls(memory, (line) => lines.push(line)) as Record<string, (...values: unknown[]) => unknown>;
    const data = memory.data();
    const write = (text: string) => {
      memory.putText(text, 200, 100);
      data.setUint32(100, 200, true);
      data.setUint32(104, new TextEncoder().encode(text).length, true);
      return calls['fd_write']!(2, 100, 1, 90);
    };
    expect(write('one\ntw')).toBe(0);
    expect(data.getUint32(90, true)).toBe(6);
    write('ö\nfatal');
    expect(lines).toEqual(['one', 'twö']);
    expect(() => calls['proc_exit']!(1)).toThrow('fatal');
    expect(calls['fd_write']!(5, 100, 1, 90)).toBe(8);
    calls['random_get']!(1000, 70000);
    expect(memory.copyOut(1000, 70000).some((byte) => byte !== 0)).toBe(true);
    calls['clock_time_get']!(0, 0n, 40);
    expect(Number(data.getBigUint64(40, true) / 1000000n) / Date.now()).toBeCloseTo(1, 6);
  });
});

describe('EngineStorage', () => {
  const open = () => {
    const raw = memoryOf(true);
    const memory = new EngineMemory(raw);
    const reads: number[] = [];
    const content = new Uint8Array(3 * 1024 * 1024).map((_, i) => i * 7);
    const picked = new PickedFiles((part) => {
      const { from, size } = part as unknown as { from: number; size: number };
      reads.push(size);
      return content.slice(from, from + size).buffer;
    });
    const slice = (from: number, to: number) => ({ from, size: Math.min(to, content.length) - from });
    const file = { size: content.length, slice } as unknown as File;
    picked.add([{ name: 'm.gguf', file }]);
    const log: string[] = [];
    const storage = new EngineStorage({ pool: null, picked, free: new FreeSpace(async () => ({})), log: (line) => log.push(line) }, memory);
    const imports = storage.imports();
    const name = (text: string): [number, number] => [10, memory.putText(text, 10, 300)];
    return { memory, imports, name, content, reads, log };
  };

  it('reads picked files in place, small pieces from one read', () => {
    const { memory, imports, name, content, reads } = open();
    expect(imports['storage_open']!(...name('picked/none'), 0)).toBe(-1);
    const handle = imports['storage_open']!(...name('picked/m.gguf'), 0);
    expect(handle).toBe(0);
    expect(imports['storage_size']!(handle)).toBe(content.length);
    expect(imports['storage_read']!(handle, 5, 1000, 8)).toBe(8);
    expect(imports['storage_read']!(handle, 100, 2000, 8)).toBe(8);
    expect(reads).toEqual([1024 * 1024]);
    expect([...memory.copyOut(2000, 8)]).toEqual([...content.subarray(100, 108)]);
    expect(imports['storage_read']!(handle, content.length - 3, 1000, 8)).toBe(3);
    expect(imports['storage_read']!(handle, content.length + 3, 1000, 8)).toBe(0);
  });

  it('keeps nothing without files that can be written, and throws nothing', () => {
    const { imports, name, log, memory } = open();
    expect(imports['storage_open']!(...name('a/model.pack'), 1)).toBe(-1);
    expect(imports['storage_free']!()).toBe(0);
    const handle = imports['storage_open']!(...name('picked/m.gguf'), 0)!;
    expect(imports['storage_write']!(handle, 0, 0, 10)).toBe(-1);
    expect(imports['storage_delete']!(...name('picked/m.gguf'))).toBe(-1);
    expect(imports['storage_read']!(17, 0, 0, 10)).toBe(-1);
    expect(imports['storage_read']!(handle, 0, 4000000000, 10)).toBe(-1);
    expect(imports['storage_close']!(handle)).toBe(0);
    expect(imports['storage_size']!(handle)).toBe(-1);
    expect(log.length).toBeGreaterThan(2);
    const length = imports['storage_list']!(500, 0)!;
    expect(imports['storage_list']!(500, length)).toBe(length);
    expect(JSON.parse(memory.text(500, length))).toEqual([{ name: 'picked/m.gguf', bytes: 3 * 1024 * 1024 }]);
  });
});

describe('FreeSpace', () => {
  it('takes off what was written until it is told anew', async () => {
    let usage = 100;
    const free = new FreeSpace(async () => ({ quota: 1000, usage }));
    expect(free.bytes).toBe(-1);
    await free.refresh(true);
    expect(free.bytes).toBe(900);
    free.wrote(300);
    expect(free.bytes).toBe(600);
    usage = 400;
    await free.refresh();
    expect(free.bytes).toBe(600);
    free.wrote(5000);
    expect(free.bytes).toBe(0);
  });
});

// An engine whose memory is real and whose code is this.
function fakeEngine() {
  const raw = memoryOf();
  const memory = new EngineMemory(raw);
  const sent: AnswerPart[][] = [];
  const outbox = new AnswerOutbox(memory, (parts) => sent.push(parts), () => undefined);
  const imports = outbox.imports();
  const say = (id: number, headers: unknown) => imports['answer_begin']!(id, 200, 5000, memory.putText(JSON.stringify(headers), 5000, 1000));
  const part = (id: number, text: string) => imports['answer_part']!(id, 6000, memory.putText(text, 6000, 1000));
  let at = 8;
  const freed: number[] = [];
  const heads: string[] = [];
  const cancelled: number[] = [];
  const exports = {
    thimble_alloc: (size: number) => (size > 60000 ? 0 : (at += size) - size),
    thimble_free: (place: number) => freed.push(place),
    thimble_submit: (head: number, headLength: number, body: number, length: number) => {
      heads.push(memory.text(head, headLength) + memory.text(body, length));
      say(41, [['x-a', 'b']]); // before its number is known
      part(41, 'early');
      return 41;
    },
    thimble_cancel: (id: number) => cancelled.push(id),
    thimble_pump: () => {
      part(41, ' and');
      part(41, ' late');
      imports['answer_end']!(41);
      return 0;
    },
  } as unknown as EngineExports;
  return { engine: new Engine(exports, memory, outbox), sent, freed, heads, cancelled };
}

describe('Engine', () => {
  const text = (part: AnswerPart) => new TextDecoder().decode(part.bytes);

  it('submits, and sends what came in one message a call', () => {
    const { engine, sent, heads, freed } = fakeEngine();
    engine.submit(7, { method: 'GET', path: '/x', query: '', headers: [] }, new TextEncoder().encode('body').buffer);
    expect(heads).toEqual(['{"method":"GET","path":"/x","query":"","headers":[]}body']);
    expect(freed.length).toBe(2);
    expect(sent.length).toBe(1);
    expect(sent[0]![0]).toMatchObject({ id: 7, begin: { status: 200, headers: [['x-a', 'b']] }, isEnd: false });
    expect(text(sent[0]![0]!)).toBe('early');
    expect(engine.pump()).toBe(false);
    expect(sent.length).toBe(2);
    expect(text(sent[1]![0]!)).toBe(' and late');
    expect(sent[1]![0]!.isEnd).toBe(true);
  });

  it('sends nothing of what was cancelled', () => {
    const { engine, sent, cancelled } = fakeEngine();
    engine.submit(7, { method: 'GET', path: '/x', query: '', headers: [] }, null);
    engine.cancel(7);
    engine.cancel(7);
    expect(cancelled).toEqual([41]);
    engine.pump();
    expect(sent.length).toBe(1);
  });

  it('answers for the engine where there is no memory for a body', () => {
    const { engine, sent, heads } = fakeEngine();
    engine.submit(7, { method: 'PUT', path: '/x', query: '', headers: [] }, new ArrayBuffer(100000));
    expect(heads).toEqual([]);
    expect(sent[0]![0]).toMatchObject({ id: 7, begin: { status: 507 }, isEnd: true });
  });
});

describe('Turns', () => {
  it('calls while there is work, lets messages through, and sleeps until it is due', () => {
    const waiting: (() => void)[] = [];
    let timer: { call: () => void; milliseconds: number } | null = null;
    let work = 3;
    const order: string[] = [];
    const failed = vi.fn();
    const engine = {
      pump: () => (order.push('pump'), work > 0 && work-- > 0),
      help: () => (order.push('help'), false),
      due: () => 2,
    };
    const turns = new Turns(
      engine,
      { ping: (call) => waiting.push(call), later: (call, milliseconds) => ((timer = { call, milliseconds }), () => (timer = null)) },
      () => undefined,
      failed,
    );
    const next = () => waiting.shift()!();
    turns.wake();
    turns.wake(); // once is enough
    expect(waiting.length).toBe(1);
    while (waiting.length > 0) next();
    expect(order.filter((call) => call === 'pump').length).toBe(4);
    expect(order.slice(0, 4)).toEqual(['pump', 'help', 'pump', 'help']);
    expect(timer).toMatchObject({ milliseconds: 2000 });
    (timer as unknown as { call: () => void }).call();
    expect(waiting.length).toBe(1);
    engine.pump = engine.help = () => {
      throw new WebAssembly.RuntimeError('unreachable');
    };
    next();
    expect(failed).toHaveBeenCalledOnce();
    turns.wake();
    expect(waiting.length).toBe(0);
  });
});
