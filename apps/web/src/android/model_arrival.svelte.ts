// SPDX-License-Identifier: Apache-2.0
// A model that the app copies: picked, opened with Thimble, or shared to it. The page shows how far it is.
import { modelName } from '../lib/files/model_files';
import type { Arriving } from '../state/model_import.svelte';
import type { Bridge } from './bridge';
import type { AppEvents } from './protocol';

// Those that the person wants no more: the app still tells of them until it has stopped.
export const givenUp = new Set<string>();

export function nameOf(told: string): string {
  return modelName([{ name: told, size: 1 }]);
}

export class ModelArrival implements Arriving {
  readonly name: string; // the model's, as the service will have it
  total = $state(0); // 0: not known yet
  sent = $state(0);
  state = $state<Arriving['state']>('sending');
  fault = $state('');
  secondsLeft = $state(0);
  private first: { at: number; bytes: number } | null = null; // for the pace; what was there before an interruption took no time

  constructor(
    private told: string, // the app's name for it: a file's, then the model's
    private readonly bridge: Bridge,
  ) {
    this.name = nameOf(told);
  }

  take({ name, bytes, total, state, message = '' }: AppEvents['import']): void {
    this.told = name;
    this.sent = bytes;
    this.total = total;
    this.fault = state === 'failed' ? message : '';
    this.state = state === 'done' ? 'done' : state === 'failed' ? 'paused' : 'sending';
    // All of it is here, and a pack is made of it.
    if (state === 'packing') this.sent = this.total;
    if (state !== 'copying') this.first = null;
    else this.first ??= { at: Date.now(), bytes };
    const passed = this.first ? Date.now() - this.first.at : 0;
    const rate = this.first && passed > 500 ? (bytes - this.first.bytes) / passed : 0;
    this.secondsLeft = rate > 0 ? (total - bytes) / rate / 1000 : 0;
  }

  // Again, after a fault: the app goes on where the file is the same.
  async run(): Promise<void> {
    this.bridge.send({ type: 'pick-model' });
  }

  stop(): void {
    if (this.state !== 'sending') return;
    givenUp.add(this.name);
    this.bridge.send({ type: 'cancel-import', name: this.told });
  }
}
