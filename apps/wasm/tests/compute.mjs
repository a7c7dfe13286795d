// SPDX-License-Identifier: Apache-2.0
// A compute worker: the same module over the same memory, with a stack and thread-locals of its own. It joins the engine's
// pool for good, or, for a test, allocates and frees as hard as it can.
import { parentPort, workerData } from 'node:worker_threads';
import { importsFor } from './imports.mjs';

const { module, memory, worker, stackTop, tls, rounds } = workerData;
const imports = importsFor(module, () => memory, {}, (text) => process.stderr.write(text));
imports.env.memory = memory;
const functions = new WebAssembly.Instance(module, imports).exports;
functions.__stack_pointer.value = stackTop;
if (functions.__tls_size.value > 0) functions.__wasm_init_tls(tls);
parentPort.postMessage('ready');

// Blocks of all sizes come and go; each keeps its worker's mark at both ends. The number of marks that were not there.
function stress() {
  const blocks = new Array(64).fill(0);
  const sizes = new Array(64).fill(0);
  const bytes = new Uint8Array(memory.buffer); // the first 64 MiB, which is enough
  let errors = 0;
  let random = (worker * 2654435761) >>> 0;
  for (let round = 0; round < rounds; ++round) {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    const slot = random >>> 26;
    if (blocks[slot] !== 0) {
      if (bytes[blocks[slot]] !== worker || bytes[blocks[slot] + sizes[slot] - 1] !== worker) ++errors;
      functions.thimble_free(blocks[slot]);
      blocks[slot] = 0;
    } else {
      sizes[slot] = 1 + ((random >>> 12) % 4000);
      blocks[slot] = functions.thimble_alloc(sizes[slot]);
      bytes[blocks[slot]] = worker;
      bytes[blocks[slot] + sizes[slot] - 1] = worker;
    }
  }
  for (const block of blocks) functions.thimble_free(block);
  return errors;
}

if (rounds === undefined) setTimeout(() => functions.thimble_join(worker), 0);
else setTimeout(() => parentPort.postMessage(stress()), 100); // when the other is there, too
