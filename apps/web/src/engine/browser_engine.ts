// SPDX-License-Identifier: Apache-2.0
// The carrier with the engine in this page's worker: the transport, and what only it can do. Nothing of the server's page
// imports this.
import { decodeToBmp, kMostWhole, kMostWholeOnPhone } from '../lib/pictures/decode';
import { ApiError, ask, type Transport } from '../lib/transport/transport';
import { fetchShare, lookForShare, type Share } from './builtin_share';
import { EngineLink, type LinkState } from './engine_link';
import { LoadingFlag } from './loading_flag';
import { LoadingTransport } from './loading_transport';
import { ownScript } from './own_script';
import { PictureTransport } from './picture_transport';
import type { StartOptions } from './protocol';
import { keepStorage, measureOf, roomFault, roomFor, RoomTransport, type Room } from './room';
import { kVariants, lookAtBrowser, type Variant } from './variants';
import { WorkerTransport } from './worker_transport';
import engineWorker from './engine_worker.ts?worker&url';

export interface BrowserEngineOptions {
  version: string;
  // A kept picture's file, from the stores of this page.
  original: (sha256: string) => Promise<Blob>;
  modules?: string; // the folder of thimble-VARIANT.wasm; beside the page: "wasm/"
  models?: string; // the folder of builtin.json; beside the page: "models/"
  context?: number;
  kv?: StartOptions['kv'];
  threads?: number;
  mostMemory?: number; // bytes
  page?: Record<string, unknown>; // what `info` tells again of the browser
}

const kBuiltin = { model: 'built-in', file: 'builtin.gguf' };

export class BrowserEngine {
  readonly transport: Transport;
  readonly link: EngineLink;
  readonly flag: LoadingFlag;
  private readonly models: string;
  private readonly measure = measureOf(() => navigator.storage.estimate(), (bytes) => this.link.room(bytes));

  constructor(options: BrowserEngineOptions) {
    const folder = new URL(options.modules ?? 'wasm/', document.baseURI).href;
    this.models = new URL(options.models ?? 'models/', document.baseURI).href;
    const modules = Object.fromEntries(
      kVariants.map((variant) => [variant, new URL(`thimble-${variant}.wasm?v=${options.version}`, folder).href]),
    ) as Record<Variant, string>;
    this.link = new EngineLink(() => new Worker(ownScript(engineWorker), { type: 'module', name: 'thimble-engine' }), {
      modules,
      version: options.version,
      context: options.context ?? 4096,
      kv: options.kv ?? 'f16',
      threads: options.threads ?? 0,
      mostMemory: options.mostMemory ?? (lookAtBrowser().isSmall ? 1280 * 1024 * 1024 : 0),
      page: options.page ?? {},
    });
    this.flag = new LoadingFlag(placesOf());
    const mostWhole = lookAtBrowser().isSmall ? kMostWholeOnPhone : kMostWhole;
    const pictures = new PictureTransport(new WorkerTransport(this.link), { decode: (file) => decodeToBmp(file, mostWhole), original: options.original });
    this.transport = new LoadingTransport(new RoomTransport(pictures, this.measure), this.flag);
    this.link.onState(({ state }) => {
      if (state !== 'starting') return;
      pictures.forget();
    });
    // A tab that is closed while a model is loaded was not ended by it.
    window.addEventListener('pagehide', () => this.flag.end(false));
  }

  start(): void {
    this.link.start();
  }

  // Resolves when requests are answered; rejects where the engine cannot be started, or another tab has it.
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (state: LinkState) => {
        if (state.state === 'starting') return;
        leave();
        if (state.state === 'ready') resolve();
        else reject(this.link.refusal() ?? new ApiError(0, 'engine_stopped', ''));
      };
      const leave = this.link.onState(look);
      look(this.link.state);
    });
  }

  // The model that was open last, unless loading it ended the tab: then, and where there was none, false.
  async openLast(): Promise<boolean> {
    const name = this.flag.toOpen;
    if (name === '') return false;
    await ask(this.transport, 'POST', `/thimble/v1/models/${encodeURIComponent(name)}/open`, {});
    return true;
  }

  // Before files are imported: asks for storage that lasts, and looks whether they fit.
  async prepareImport(bytes: number): Promise<Room> {
    await keepStorage();
    return roomFor(bytes, this.measure);
  }

  // "Open without keeping": the engine reads the files in place as long as this page is open.
  pick(files: File[]): void {
    this.link.pick(files.map((file) => ({ name: file.name, file })));
  }

  lookForBuiltin(): Promise<Share | null> {
    return lookForShare((...given) => fetch(...given), this.models);
  }

  async fetchBuiltin(share: Share, progress: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    const room = await this.prepareImport(share.bytes);
    if (!room.fits) throw roomFault(room);
    await fetchShare({ transport: this.transport, fetch: (...given) => fetch(...given), base: this.models, ...kBuiltin }, share, progress, signal);
  }
}

function placesOf(): Storage {
  try {
    return window.localStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined, removeItem: () => undefined } as unknown as Storage;
  }
}
