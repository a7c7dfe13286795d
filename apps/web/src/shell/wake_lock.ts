// SPDX-License-Identifier: Apache-2.0
// Keeps a phone's screen on while an answer is written: with the screen off a page computes nothing. The system takes the
// lock whenever the page is hidden; it is asked for again on return.

interface Lock {
  release(): Promise<void>;
}
interface Locks {
  request(kind: 'screen'): Promise<Lock>;
}

export class WakeLock {
  private wanted = false;
  private lock: Promise<Lock | null> | null = null;

  constructor(
    private readonly locks: Locks | undefined = (navigator as { wakeLock?: Locks }).wakeLock,
    page: Pick<Document, 'addEventListener' | 'visibilityState'> = document,
  ) {
    page.addEventListener('visibilitychange', () => {
      this.lock = null; // the system took it, or there is none
      if (page.visibilityState === 'visible' && this.wanted) this.take();
    });
  }

  // Whether it is wanted from now on. Refusals (battery low, no such thing here) change nothing but the screen.
  want(wanted: boolean): void {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    if (wanted) this.take();
    else this.leave();
  }

  private take(): void {
    this.lock ??= this.locks?.request('screen').catch(() => null) ?? null;
  }

  private leave(): void {
    const { lock } = this;
    this.lock = null;
    void lock?.then((held) => held?.release()).catch(() => undefined);
  }
}
