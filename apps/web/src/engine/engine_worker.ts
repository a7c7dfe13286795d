// SPDX-License-Identifier: Apache-2.0
// The engine's worker: owns the module, its memory and its files, and blocks while it computes.
import { AnswerOutbox, type Engine } from './engine';
import { FreeSpace } from './free_space';
import { HandlePool } from './handle_pool';
import { loadModule, ModuleRefused, NoModule, type Loaded } from './load_module';
import { openFolder, StorageBusy } from './opfs';
import { Ownership } from './ownership';
import { ownScript } from './own_script';
import { PickedFiles } from './picked_files';
import { lifeLock, type EngineFacts, type FailureCode, type FromWorker, type LogLevel, type StartOptions, type ToWorker, type WorkerState } from './protocol';
import { EngineStorage } from './storage';
import { browserClock, Turns } from './turns';
import { lookAtBrowser, memoryMaxima, threadsFor, variantsFor, type Variant } from './variants';
import computeWorker from './compute_worker.ts?worker&url';

const kGoodbye = 1500; // milliseconds that answers have to end in when another tab takes the engine over

const post = (message: FromWorker, transfer: Transferable[] = []) => postMessage(message, { transfer });
const tell = (state: WorkerState) => post({ kind: 'state', state });
const log = (level: LogLevel, text: string) => post({ kind: 'log', level, text });
const note = (text: string) => log('info', text);

class EngineWorker {
  private readonly picked = new PickedFiles();
  private readonly free = new FreeSpace(() => navigator.storage.estimate());
  private readonly early: ToWorker[] = []; // that came before there was an engine
  private readonly ownership = new Ownership({
    elsewhere: () => tell({ state: 'elsewhere' }),
    asked: () => void this.leave('yielded'),
    lost: () => void this.leave('yielded'),
  });
  private pool: HandlePool | null = null;
  private storage: EngineStorage | null = null;
  private loaded: Loaded | null = null;
  private turns: Turns | null = null;
  private isLeaving = false;

  take(message: ToWorker): void {
    switch (message.kind) {
      case 'start':
        void this.start(message.options);
        break;
      case 'pick':
        this.picked.add(message.files);
        break;
      case 'unpick':
        this.picked.remove(message.names);
        break;
      case 'room':
        this.tellRoom(message.id, message.bytes);
        break;
      case 'takeOver':
        this.ownership.takeOver();
        break;
      case 'stop':
        void this.leave('stopped');
        break;
      default:
        this.serve(message);
    }
  }

  // A lock that goes with this worker: the page, which waits for it, hears when something ends the worker in silence.
  private live(name: string): void {
    if (!('locks' in navigator)) return;
    void navigator.locks.request(name, () => {
      post({ kind: 'alive' });
      return new Promise(() => undefined);
    });
  }

  private async start(options: StartOptions): Promise<void> {
    this.live(lifeLock(options.life));
    tell({ state: 'starting' });
    try {
      await this.ownership.take();
      if (this.isLeaving) return;
      tell({ state: 'starting' });
      const began = performance.now();
      const folder = await openFolder(note);
      this.pool = folder ? await HandlePool.open(folder, note) : null;
      await this.free.refresh(true);
      const opened = performance.now();
      await this.load(options);
      note(`files open after ${Math.round(opened - began)} ms, the engine ${Math.round(performance.now() - opened)} ms later`);
    } catch (error) {
      if (error instanceof StorageBusy) this.fail('storage_busy', error);
      else if (error instanceof NoModule) this.fail('no_module', error);
      else if (error instanceof ModuleRefused) this.fail('no_wasm', error);
      else this.fail('died', error);
    }
  }

  // The fastest module that this browser can run and that computes right.
  private async load(options: StartOptions): Promise<void> {
    const facts = lookAtBrowser();
    let last: unknown = new ModuleRefused('this browser runs no WebAssembly with SIMD');
    for (const variant of variantsFor(facts, options.skip)) {
      const threads = threadsFor(variant, facts.cores, options.threads);
      try {
        this.loaded = await this.loadVariant(variant, threads, options, facts.isSmall);
      } catch (error) {
        log('warning', `${variant}: ${String(error)}; the next module is tried`);
        last = error instanceof NoModule || error instanceof ModuleRefused ? error : new ModuleRefused(String(error));
        continue;
      }
      const { engine, isa, mostMemory, isLess } = this.loaded;
      const { context, kv, version, page } = options;
      const told: EngineFacts = { variant, threads, isIsolated: facts.isIsolated, storage: this.pool ? 'kept' : 'picked', mostMemory, isLess, isa };
      if (!engine.start({ threads, context, kv, version, memory_bytes: mostMemory, page: { ...page, ...told } })) {
        throw new ModuleRefused('the engine could not be started');
      }
      note(`${variant}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`);
      this.run(engine);
      tell({ state: 'ready', facts: told });
      return;
    }
    throw last;
  }

  private tellRoom(id: number, bytes: number): void {
    let found = -1;
    try {
      if (this.pool) found = this.pool.room(bytes);
    } catch (error) {
      log('warning', `room: ${String(error)}`);
    }
    post({ kind: 'room', id, bytes: found });
  }

  private loadVariant(variant: Variant, threads: number, options: StartOptions, isSmall: boolean): Promise<Loaded> {
    return loadModule({
      url: options.modules[variant],
      variant,
      threads,
      maxima: memoryMaxima(options.mostMemory, isSmall),
      outbox: (memory) =>
        new AnswerOutbox(
          memory,
          (parts) => {
            for (const { id, isEnd } of parts) if (isEnd) this.loaded?.engine.finish(id);
            post({ kind: 'answers', parts }, parts.flatMap(({ bytes }) => (bytes ? [bytes.buffer] : [])));
          },
          log,
        ),
      storage: (memory) => {
        const parts = { pool: this.pool, picked: this.picked, free: this.free, log: (text: string) => log('warning', text) };
        this.storage = new EngineStorage(parts, memory);
        return this.storage.imports() as WebAssembly.ModuleImports;
      },
      startCompute: () => {
        post({ kind: 'making', isDone: false });
        const worker = new Worker(ownScript(computeWorker), { type: 'module', name: 'thimble-compute' });
        post({ kind: 'making', isDone: true });
        return worker;
      },
      alarm: (port) => post({ kind: 'alarm', port }, [port]),
      log: note,
    });
  }

  private run(engine: Engine): void {
    this.turns = new Turns(engine, browserClock(), () => void this.tend(), (error) => this.fail('died', error));
    for (const message of this.early.splice(0)) this.serve(message);
    this.turns.wake();
  }

  private async tend(): Promise<void> {
    try {
      await this.storage?.tend();
    } catch (error) {
      log('warning', `storage: ${String(error)}`);
    }
  }

  private serve(message: ToWorker): void {
    if (message.kind !== 'request' && message.kind !== 'cancel') return;
    const engine = this.turns ? this.loaded?.engine : undefined;
    if (!engine) {
      this.early.push(message);
      return;
    }
    try {
      if (message.kind === 'cancel') engine.cancel(message.id);
      else engine.submit(message.id, message.head, message.body);
      this.turns?.wake();
    } catch (error) {
      this.fail('died', error);
    }
  }

  private fail(code: FailureCode, error: unknown): void {
    this.turns?.stop();
    this.pool?.close();
    tell({ state: 'failed', code, message: error instanceof Error ? error.message : String(error) });
  }

  // Answers are ended with what they have, files closed, and the lock given back. Then the page ends this worker.
  private async leave(state: 'yielded' | 'stopped'): Promise<void> {
    if (this.isLeaving) return;
    this.isLeaving = true;
    const engine = this.turns ? this.loaded?.engine : undefined;
    try {
      for (const id of engine?.open() ?? []) engine?.cancel(id);
      // A few more calls: what is journaled is finished in them.
      const until = Date.now() + kGoodbye;
      this.turns?.stop();
      while (engine && Date.now() < until) if (!engine.pump() && !engine.help()) break;
    } catch (error) {
      log('error', String(error));
    }
    this.loaded?.end();
    this.pool?.close();
    this.ownership.release();
    tell({ state });
  }
}

const worker = new EngineWorker();
self.onmessage = ({ data }: MessageEvent<ToWorker>) => worker.take(data);
