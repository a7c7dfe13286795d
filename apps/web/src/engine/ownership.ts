// SPDX-License-Identifier: Apache-2.0
// One tab has the engine. The lock goes with the worker that holds it, whatever ends it; another tab asks for it over a
// channel, and takes it by force where nobody answers.
import { kChannel, kLock } from './protocol';

const kPatience = 5000; // milliseconds that the owner has to let go

export interface OwnershipEvents {
  elsewhere(): void; // another tab has it
  asked(): void; // another tab wants it: close everything, then call release()
  lost(): void; // it was taken by force
}

export class Ownership {
  private readonly channel = new BroadcastChannel(kChannel);
  private letGo: (() => void) | null = null;
  private isWaiting = false;
  private owns = false;
  private abort = new AbortController();
  private got: () => void = () => undefined;

  constructor(private readonly events: OwnershipEvents) {
    this.channel.onmessage = ({ data }: MessageEvent<{ kind?: string }>) => {
      if (data?.kind === 'yield' && this.owns) this.events.asked();
    };
  }

  // Resolves when this worker has the engine: at once, or when the other tab ends or lets go.
  async take(): Promise<void> {
    if (!('locks' in navigator)) return;
    if (await this.request({ ifAvailable: true })) return;
    this.events.elsewhere();
    this.isWaiting = true;
    await new Promise<void>((resolve) => {
      this.got = resolve;
      this.wait();
    });
    this.isWaiting = false;
  }

  // While it waits: asks the owner to let go.
  takeOver(): void {
    if (!this.isWaiting) return;
    this.channel.postMessage({ kind: 'yield' });
    setTimeout(() => {
      if (!this.isWaiting) return;
      this.abort.abort();
      void this.request({ steal: true }).then(() => this.got());
    }, kPatience);
  }

  release(): void {
    this.owns = false;
    this.abort.abort();
    this.letGo?.();
    this.letGo = null;
    this.channel.close();
  }

  private wait(): void {
    this.abort = new AbortController();
    this.request({ signal: this.abort.signal }).then(
      () => this.got(),
      () => undefined, // given up for force, or for good
    );
  }

  // Whether it has the lock now. It keeps it until release().
  private request(options: LockOptions): Promise<boolean> {
    return new Promise((resolve, reject) => {
      navigator.locks
        .request(kLock, options, (lock) => {
          if (!lock) {
            resolve(false);
            return undefined;
          }
          this.owns = true;
          resolve(true);
          return new Promise<void>((done) => (this.letGo = done));
        })
        .catch((error: unknown) => {
          if (this.owns) {
            this.owns = false;
            this.events.lost();
          } else reject(error as Error);
        });
    });
  }
}
