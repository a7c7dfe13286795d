// SPDX-License-Identifier: Apache-2.0
// What the page and the engine's worker say to each other.
import type { Variant } from './variants';

export interface StartOptions {
  modules: Record<Variant, string>; // addresses
  version: string;
  context: number; // tokens
  kv: 'f16' | 'q8_0';
  threads: number; // 0: as the device has them
  mostMemory: number; // bytes; 0: as the device says
  skip: Variant[]; // that failed before
  life: string; // of this worker
  page: Record<string, unknown>; // what the page knows of its browser; `info` tells it again
}

export interface PickedFile {
  name: string;
  file: File;
}

export type ToWorker =
  | { kind: 'start'; options: StartOptions }
  | { kind: 'request'; id: number; head: RequestHead; body: ArrayBuffer | null }
  | { kind: 'cancel'; id: number }
  | { kind: 'pick'; files: PickedFile[] }
  | { kind: 'unpick'; names: string[] }
  | { kind: 'takeOver' }
  | { kind: 'room'; id: number; bytes: number } // how many of these bytes there is room for
  | { kind: 'stop' }; // in order: answers are ended, files closed

export interface RequestHead {
  method: string;
  path: string; // its escapes undone
  query: string; // as it came
  headers: [name: string, value: string][];
}

// What came of one answer since the last message.
export interface AnswerPart {
  id: number;
  begin?: { status: number; headers: [name: string, value: string][] };
  bytes?: Uint8Array<ArrayBuffer>;
  isEnd: boolean;
}

export type LogLevel = 'info' | 'warning' | 'error';

// What the engine runs with.
export interface EngineFacts {
  variant: Variant;
  threads: number;
  isIsolated: boolean;
  storage: 'kept' | 'picked'; // 'picked': this browser lets no worker keep files; chosen ones are read in place
  mostMemory: number; // bytes
  isLess: boolean; // than was asked for: the browser refused more
  isa: string;
}

export type WorkerState =
  | { state: 'starting' }
  | { state: 'elsewhere' } // another tab has the engine; this one starts when that one ends
  | { state: 'ready'; facts: EngineFacts }
  | { state: 'yielded' } // another tab took it over: this worker has closed everything and can be ended
  | { state: 'stopped' }
  | { state: 'failed'; code: FailureCode; message: string };

// 'died': the engine's code ended on the way (a trap, no memory). All others: it could not be started.
export type FailureCode = 'died' | 'no_wasm' | 'no_module' | 'storage_busy';

export type FromWorker =
  | { kind: 'state'; state: WorkerState }
  | { kind: 'answers'; parts: AnswerPart[] }
  | { kind: 'log'; level: LogLevel; text: string }
  | { kind: 'room'; id: number; bytes: number }
  | { kind: 'alive' } // it has its life's lock
  | { kind: 'making'; isDone: boolean } // a compute worker: takes a moment, or for ever (Firefox, seldom)
  // From a compute worker: its messages get through while the engine waits for it in vain.
  | { kind: 'alarm'; port: MessagePort };

export const lifeLock = (life: string) => `thimble-life-${life}`;
export const kLock = 'thimble-engine';
export const kChannel = 'thimble:engine';
