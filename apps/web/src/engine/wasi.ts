// SPDX-License-Identifier: Apache-2.0
// The few calls of WASI that the engine makes. It has no files of WASI's: everything else answers EBADF.
import type { EngineMemory } from './engine_memory';

const kDone = 0;
const kBadFile = 8;
const kMostRandom = 65536; // bytes that getRandomValues gives in one call

type Call = (...values: never[]) => unknown;

export function wasiCalls(memory: EngineMemory, log: (text: string) => void): Record<string, Call> {
  const setZero = (...places: number[]) => {
    for (const at of places) memory.data().setUint32(at >>> 0, 0, true);
    return kDone;
  };
  let line = '';
  return {
    clock_time_get(id: number, _precision: bigint, out: number) {
      const milliseconds = id === 0 ? Date.now() : performance.now();
      memory.data().setBigUint64(out >>> 0, BigInt(Math.round(milliseconds * 1e6)), true);
      return kDone;
    },
    random_get(at: number, length: number) {
      // Not straight into shared memory: browsers refuse that.
      for (let done = 0; done < length >>> 0; done += kMostRandom) {
        const some = crypto.getRandomValues(new Uint8Array(Math.min(kMostRandom, (length >>> 0) - done)));
        memory.view((at >>> 0) + done, some.length).set(some);
      }
      return kDone;
    },
    fd_write(file: number, pieces: number, count: number, written: number) {
      if (file !== 1 && file !== 2) return kBadFile;
      let total = 0;
      for (let i = 0; i < count; i++) {
        const data = memory.data();
        const length = data.getUint32((pieces >>> 0) + 8 * i + 4, true);
        line += memory.text(data.getUint32((pieces >>> 0) + 8 * i, true), length);
        total += length;
      }
      const lines = line.split('\n');
      line = lines.pop() ?? '';
      for (const whole of lines) if (whole !== '') log(whole);
      memory.data().setUint32(written >>> 0, total, true);
      return kDone;
    },
    environ_sizes_get: (count: number, bytes: number) => setZero(count, bytes),
    environ_get: () => kDone,
    args_sizes_get: (count: number, bytes: number) => setZero(count, bytes),
    args_get: () => kDone,
    sched_yield: () => kDone,
    proc_exit(status: number) {
      throw new WebAssembly.RuntimeError(line !== '' ? line : `the engine ended with status ${status}`);
    },
  };
}

// The imports of WASI that `module` asks for.
export function wasiImports(module: WebAssembly.Module, memory: EngineMemory, log: (text: string) => void): WebAssembly.ModuleImports {
  const calls = wasiCalls(memory, log);
  const imports: WebAssembly.ModuleImports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === 'wasi_snapshot_preview1') imports[name] = calls[name] ?? (() => kBadFile);
  }
  return imports;
}
