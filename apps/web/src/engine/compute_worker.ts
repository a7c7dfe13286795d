// SPDX-License-Identifier: Apache-2.0
// A compute worker: an instance of the engine's module over the engine's memory, which joins its pool for good. It answers
// no messages any more then.
import type { EngineExports } from './engine_exports';
import { EngineMemory } from './engine_memory';
import { wasiImports } from './wasi';

export interface JoinMessage {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  number: number; // of this worker, from 1
  stackTop: number;
  tls: number; // 0: none
  alarm: MessagePort; // to the page
}

// Tasks use no files and send no answers.
function refuse(name: string) {
  return () => {
    throw new WebAssembly.RuntimeError(`${name} was called by a compute worker`);
  };
}

async function join({ module, memory, number, stackTop, tls, alarm }: JoinMessage): Promise<void> {
  const own: WebAssembly.ModuleImports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) if (from === 'thimble') own[name] = refuse(name);
  const wasi = wasiImports(module, new EngineMemory(memory), (text) => console.log(text));
  // Never _initialize: the memory is initialised already.
  const instance = (await WebAssembly.instantiate(module, { env: { memory }, thimble: own, wasi_snapshot_preview1: wasi }))
    .exports as unknown as EngineExports;
  instance.__stack_pointer!.value = stackTop;
  if (tls !== 0) instance.__wasm_init_tls!(tls);
  postMessage('ready');
  // The message leaves before this thread is gone.
  setTimeout(() => {
    try {
      instance.thimble_join(number);
    } catch (error) {
      alarm.postMessage(String(error));
    }
  });
}

self.onmessage = ({ data }: MessageEvent<JoinMessage>) => {
  join(data).catch((error: unknown) => data.alarm.postMessage(String(error)));
};
