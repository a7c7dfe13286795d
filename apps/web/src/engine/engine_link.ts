// SPDX-License-Identifier: Apache-2.0
// The page's end of the engine's worker, over all its lives: starts it, starts another one when it ended unasked (twice at
// most), and tells what state it is in.
import { ApiError } from '../lib/transport/transport';
import { newId } from '../lib/store/types';
import { lifeLock, type AnswerPart, type EngineFacts, type FailureCode, type FromWorker, type LogLevel, type PickedFile, type StartOptions, type ToWorker, type WorkerState } from './protocol';
import { hasThreads, type Variant } from './variants';

// A Worker, or what plays its part in tests.
export interface WorkerEnd {
  postMessage(message: ToWorker, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

export type LinkState =
  | { state: 'starting'; restarts: number; why?: string } // `why`: what ended the engine before
  | { state: 'elsewhere' } // another tab has the engine
  | { state: 'ready'; facts: EngineFacts; restarts: number }
  | { state: 'stopped' }
  | { state: 'failed'; code: FailureCode; message: string };

export interface LogLine {
  level: LogLevel;
  text: string;
}

const kMostRestarts = 2;
const kMostLines = 200;
const kRoomPatience = 30_000; // milliseconds
const kMakingPatience = 10_000; // milliseconds that making a worker may take

export class EngineLink {
  state: LinkState = { state: 'stopped' };
  readonly lines: LogLine[] = [];
  private worker: WorkerEnd | null = null;
  private restarts = 0;
  private readonly skip = new Set<Variant>();
  private picked: PickedFile[] = [];
  private readonly stateListeners = new Set<(state: LinkState) => void>();
  private readonly rooms = new Map<number, (bytes: number) => void>();
  private lastRoom = 0;
  private making: ReturnType<typeof setTimeout> | undefined;
  private answersListener: (parts: AnswerPart[]) => void = () => undefined;
  private lostListener: (fault: ApiError) => void = () => undefined;

  constructor(
    private readonly make: () => WorkerEnd,
    private readonly options: Omit<StartOptions, 'skip' | 'life'>,
  ) {}

  // Hears of each state from now on; gives what ends that.
  onState(listener: (state: LinkState) => void): () => void {
    this.stateListeners.add(listener);
    return () => this.stateListeners.delete(listener);
  }

  onAnswers(listener: (parts: AnswerPart[]) => void): void {
    this.answersListener = listener;
  }

  // The worker ended: nothing that was on its way comes any more.
  onLost(listener: (fault: ApiError) => void): void {
    this.lostListener = listener;
  }

  start(why?: string): void {
    this.end();
    this.setState({ state: 'starting', restarts: this.restarts, ...(why === undefined ? {} : { why }) });
    const worker = this.make();
    const life = newId();
    this.worker = worker;
    worker.onmessage = ({ data }) => {
      if (worker !== this.worker) return;
      if (data.kind === 'alive') this.watch(worker, life);
      else this.take(data);
    };
    worker.onerror = (event) => worker === this.worker && this.died(event.message || "the worker's script did not load");
    this.post({ kind: 'start', options: { ...this.options, skip: [...this.skip], life } });
    if (this.picked.length > 0) this.post({ kind: 'pick', files: this.picked });
  }

  // By a person, after a failure.
  restart(): void {
    this.restarts = 0;
    this.start();
  }

  stop(): void {
    this.post({ kind: 'stop' });
  }

  takeOver(): void {
    this.post({ kind: 'takeOver' });
  }

  // Files that the engine reads in place, without keeping them: "picked/NAME". They go with the page.
  pick(files: PickedFile[]): void {
    this.picked = [...this.picked.filter(({ name }) => !files.some((other) => other.name === name)), ...files];
    this.post({ kind: 'pick', files });
  }

  unpick(names: string[]): void {
    this.picked = this.picked.filter(({ name }) => !names.includes(name));
    this.post({ kind: 'unpick', names });
  }

  // How many of so many bytes the worker can keep; -1: it does not know now.
  room(bytes: number): Promise<number> {
    if (this.state.state !== 'ready' || this.state.facts.storage !== 'kept') return Promise.resolve(-1);
    const id = ++this.lastRoom;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.takeRoom(id, -1), kRoomPatience);
      this.rooms.set(id, (found) => {
        clearTimeout(timer);
        resolve(found);
      });
      this.post({ kind: 'room', id, bytes });
    });
  }

  post(message: ToWorker, transfer: Transferable[] = []): void {
    this.worker?.postMessage(message, transfer);
  }

  // Why a request cannot be sent now; null: it can, and waits where the engine is still being started.
  refusal(): ApiError | null {
    switch (this.state.state) {
      case 'elsewhere':
        return new ApiError(0, 'engine_elsewhere', 'Another tab has the engine.');
      case 'failed':
        return new ApiError(0, `engine_${this.state.code}`, this.state.message);
      case 'stopped':
        return new ApiError(0, 'engine_stopped', 'The engine was stopped.');
      default:
        return null;
    }
  }

  // Gets the worker's lock when that has ended, however it did.
  private watch(worker: WorkerEnd, life: string): void {
    void navigator.locks.request(lifeLock(life), () => {
      if (worker === this.worker) this.died('the browser ended its worker');
    });
  }

  private take(message: FromWorker): void {
    switch (message.kind) {
      case 'answers':
        this.answersListener(message.parts);
        break;
      case 'room':
        this.takeRoom(message.id, message.bytes);
        break;
      case 'log':
        this.log(message.level, message.text);
        break;
      case 'making':
        this.watchMaking(message.isDone);
        break;
      case 'alarm':
        message.port.onmessage = ({ data }: MessageEvent<string>) => this.died(`a compute worker: ${data}`);
        break;
      case 'state':
        this.takeState(message.state);
    }
  }

  // Firefox's constructor of a worker inside a worker does not always return.
  private watchMaking(isDone: boolean): void {
    clearTimeout(this.making);
    if (!isDone) this.making = setTimeout(() => this.died('it hung while it started its threads'), kMakingPatience);
  }

  private takeRoom(id: number, bytes: number): void {
    this.rooms.get(id)?.(bytes);
    this.rooms.delete(id);
  }

  private takeState(state: WorkerState): void {
    switch (state.state) {
      case 'starting':
        this.setState({ state: 'starting', restarts: this.restarts });
        break;
      case 'elsewhere':
        this.lostListener(new ApiError(0, 'engine_elsewhere', 'Another tab has the engine.'));
        this.setState(state);
        break;
      case 'ready':
        this.setState({ ...state, restarts: this.restarts });
        break;
      case 'yielded':
        // A fresh worker waits for its turn, without this one's memory.
        this.lostListener(new ApiError(0, 'engine_elsewhere', 'Another tab took the engine over.'));
        this.start();
        break;
      case 'stopped':
        this.end();
        this.lostListener(new ApiError(0, 'engine_stopped', 'The engine was stopped.'));
        this.setState(state);
        break;
      case 'failed':
        if (state.code === 'died') this.died(state.message);
        else this.giveUp(state.code, state.message);
    }
  }

  private died(why: string): void {
    if (!this.worker) return;
    this.log('error', `the engine ended: ${why}`);
    const before = this.state;
    // Two crashes of a module are one too many: the next one.
    if (before.state === 'ready' && this.restarts > 0 && hasThreads(before.facts.variant)) this.skip.add(before.facts.variant);
    this.end();
    if (this.restarts >= kMostRestarts) {
      this.giveUp('died', why);
      return;
    }
    this.restarts++;
    this.lostListener(new ApiError(0, 'engine_died', `The engine ended (${why}) and is started again.`));
    this.start(why);
  }

  private giveUp(code: FailureCode, message: string): void {
    this.end();
    this.lostListener(new ApiError(0, `engine_${code}`, message));
    this.setState({ state: 'failed', code, message });
  }

  private end(): void {
    const worker = this.worker;
    this.worker = null;
    clearTimeout(this.making);
    worker?.terminate();
    for (const id of [...this.rooms.keys()]) this.takeRoom(id, -1);
  }

  private log(level: LogLevel, text: string): void {
    this.lines.push({ level, text });
    if (this.lines.length > kMostLines) this.lines.shift();
  }

  private setState(state: LinkState): void {
    this.state = state;
    for (const listener of this.stateListeners) listener(state);
  }
}
