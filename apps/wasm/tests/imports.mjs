// SPDX-License-Identifier: Apache-2.0
// What a module is given: WASI's few calls that it makes, everything else answers EBADF; and the page's own functions.
import { webcrypto } from 'node:crypto';

const kBadDescriptor = 8;

function wasiCalls(memory, say) {
  const view = () => new DataView(memory().buffer);
  const bytesAt = (at, count) => new Uint8Array(memory().buffer, at >>> 0, count >>> 0);
  return {
    fd_write(fd, iovs, count, written) {
      let sum = 0;
      let text = '';
      for (let i = 0; i < count; ++i) {
        const at = view().getUint32(iovs + 8 * i, true);
        const length = view().getUint32(iovs + 8 * i + 4, true);
        text += new TextDecoder().decode(bytesAt(at, length).slice());
        sum += length;
      }
      say(text);
      view().setUint32(written, sum, true);
      return 0;
    },
    clock_time_get(id, precision, out) {
      const milliseconds = id === 0 ? Date.now() : performance.now();
      view().setBigUint64(out, BigInt(Math.round(milliseconds * 1e6)), true);
      return 0;
    },
    random_get(at, count) {
      bytesAt(at, count).set(webcrypto.getRandomValues(new Uint8Array(count)));
      return 0;
    },
    environ_sizes_get(count, bytes) {
      view().setUint32(count, 0, true);
      view().setUint32(bytes, 0, true);
      return 0;
    },
    environ_get: () => 0,
    proc_exit(code) {
      throw new Error(`the module ended with ${code}`);
    },
  };
}

// `page`: the functions of module "thimble"; what is missing throws.
export function importsFor(module, memory, page, say) {
  const wasi = wasiCalls(memory, say);
  const imports = { env: {}, thimble: {}, wasi_snapshot_preview1: {} };
  for (const wanted of WebAssembly.Module.imports(module)) {
    if (wanted.kind !== 'function') continue;
    const found =
      wanted.module === 'wasi_snapshot_preview1'
        ? (wasi[wanted.name] ?? (() => kBadDescriptor))
        : (page[wanted.name] ??
          (() => {
            throw new Error(`nobody may call ${wanted.name} here`);
          }));
    imports[wanted.module] ??= {};
    imports[wanted.module][wanted.name] = found;
  }
  return imports;
}
