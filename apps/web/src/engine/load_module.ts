// SPDX-License-Identifier: Apache-2.0
// From a module's address to an engine that can be started: compiled, with its memory, its kernels checked, its compute
// workers waiting.
import { AnswerOutbox, Engine } from './engine';
import type { EngineExports } from './engine_exports';
import { EngineMemory } from './engine_memory';
import type { JoinMessage } from './compute_worker';
import { hasThreads, kPage, type Variant } from './variants';
import { wasiImports } from './wasi';

const kStack = 1024 * 1024; // bytes of a compute worker
const kPatience = 20_000; // milliseconds until all compute workers are there
const kLeast = 1024; // pages that the modules are linked with

export interface Loaded {
  engine: Engine;
  outbox: AnswerOutbox;
  memory: EngineMemory;
  isa: string;
  mostMemory: number; // bytes
  isLess: boolean; // than was wanted
  end: () => void;
}

export interface LoadParts {
  url: string;
  variant: Variant;
  threads: number;
  maxima: number[]; // pages, the wanted first
  outbox: (memory: EngineMemory) => AnswerOutbox;
  storage: (memory: EngineMemory) => WebAssembly.ModuleImports;
  startCompute: () => Worker;
  alarm: (port: MessagePort) => void;
  log: (text: string) => void;
}

// Its message is for the log; the next module is tried.
export class ModuleRefused extends Error {}
export class NoModule extends Error {}

export async function compile(url: string): Promise<WebAssembly.Module> {
  const response = await fetch(url).catch((error: unknown) => {
    throw new NoModule(`${url} could not be fetched: ${String(error)}`);
  });
  if (!response.ok) throw new NoModule(`${url}: status ${response.status}`);
  // Hosts that do not know .wasm send it as something else, which compileStreaming refuses.
  const isNamed = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() === 'application/wasm';
  if (isNamed && typeof WebAssembly.compileStreaming === 'function') return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}

// The first of `maxima` that the browser sets aside.
export function sharedMemory(maxima: readonly number[], log: (text: string) => void): { memory: WebAssembly.Memory; maximum: number } {
  for (const maximum of maxima) {
    try {
      return { memory: new WebAssembly.Memory({ initial: kLeast, maximum, shared: true }), maximum };
    } catch (error) {
      log(`a memory of ${Math.round((maximum * kPage) / 1048576)} MiB was refused: ${String(error)}`);
    }
  }
  throw new ModuleRefused('no shared memory');
}

async function instantiate(parts: LoadParts, module: WebAssembly.Module): Promise<{ instance: EngineExports; raw: WebAssembly.Memory; maximum: number; memory: EngineMemory; outbox: AnswerOutbox }> {
  const isShared = hasThreads(parts.variant);
  // A module without threads brings its memory, so its imports find it through this.
  const given = isShared ? sharedMemory(parts.maxima, parts.log) : null;
  const holder: { memory: WebAssembly.Memory | null } = { memory: given?.memory ?? null };
  const late = { get buffer() { return holder.memory!.buffer; } } as unknown as WebAssembly.Memory;
  const memory = new EngineMemory(late);
  const outbox = parts.outbox(memory);
  const imports: WebAssembly.Imports = {
    wasi_snapshot_preview1: wasiImports(module, memory, parts.log),
    thimble: { ...parts.storage(memory), ...outbox.imports() } as WebAssembly.ModuleImports,
    ...(given ? { env: { memory: given.memory } } : {}),
  };
  const instance = (await WebAssembly.instantiate(module, imports)).exports as unknown as EngineExports;
  holder.memory ??= instance.memory ?? null;
  if (!holder.memory) throw new ModuleRefused('the module has no memory');
  return { instance, raw: holder.memory, maximum: given?.maximum ?? parts.maxima[0]!, memory, outbox };
}

function alignUp(at: number, align: number): number {
  return Math.ceil(at / align) * align;
}

// Each compute worker has an instance of its own over the same memory, with a stack and a block of thread-local storage
// that the engine gives.
async function startWorkers(parts: LoadParts, module: WebAssembly.Module, memory: WebAssembly.Memory, instance: EngineExports): Promise<Worker[]> {
  const workers: Worker[] = [];
  const ready: Promise<void>[] = [];
  const tlsSize = Number(instance.__tls_size?.value ?? 0);
  const tlsAlign = Math.max(16, Number(instance.__tls_align?.value ?? 0));
  for (let number = 1; number < parts.threads; number++) {
    const stack = instance.thimble_alloc(kStack) >>> 0;
    const tls = tlsSize > 0 ? instance.thimble_alloc(tlsSize + tlsAlign) >>> 0 : 0;
    if (stack === 0 || (tlsSize > 0 && tls === 0)) throw new ModuleRefused('no memory for compute workers');
    const worker = parts.startCompute();
    workers.push(worker);
    const { port1, port2 } = new MessageChannel();
    parts.alarm(port2);
    ready.push(
      new Promise((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => reject(new ModuleRefused(`compute worker ${number}: ${event.message || 'its script did not load'}`));
      }),
    );
    const message: JoinMessage = {
      module, memory, number, alarm: port1,
      stackTop: Math.floor((stack + kStack) / 16) * 16, tls: tls === 0 ? 0 : alignUp(tls, tlsAlign),
    };
    worker.postMessage(message, [port1]);
  }
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ModuleRefused('compute workers did not start')), kPatience);
  });
  try {
    await Promise.race([Promise.all(ready), late]);
  } catch (error) {
    for (const worker of workers) worker.terminate();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return workers;
}

export async function loadModule(parts: LoadParts): Promise<Loaded> {
  const module = await compile(parts.url);
  const { instance, raw, maximum, memory, outbox } = await instantiate(parts, module);
  instance._initialize?.();
  const engine = new Engine(instance, memory, outbox);
  const check = engine.selfCheck();
  if (!check.passed) throw new ModuleRefused(`its kernels do not compute right here: ${check.detail ?? ''}`);
  const workers = hasThreads(parts.variant) ? await startWorkers(parts, module, raw, instance) : [];
  const end = () => {
    for (const worker of workers) worker.terminate();
  };
  return { engine, outbox, memory, isa: check.isa ?? parts.variant, mostMemory: maximum * kPage, isLess: maximum < parts.maxima[0]!, end };
}
