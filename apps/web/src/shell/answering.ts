// SPDX-License-Identifier: Apache-2.0
// Whether any tab of this page writes an answer: each that does holds its share of one Web Lock, which the browser takes
// back when the tab ends, however it does. A new version of the page would cut their answers.

const kLock = 'thimble:answering';
const kPause = 500; // milliseconds

export class Answering {
  private letGo: (() => void) | null = null;

  // Browsers without locks: only this tab counts.
  constructor(private readonly locks: Pick<LockManager, 'request'> | undefined) {}

  // This tab writes one, or does not any more.
  want(isAnswering: boolean): void {
    if (isAnswering === (this.letGo !== null)) return;
    this.letGo?.();
    this.letGo = null;
    if (!isAnswering) return;
    const end = new Promise<void>((resolve) => (this.letGo = resolve));
    this.locks?.request(kLock, { mode: 'shared' }, () => end).catch(() => undefined); // a page that is being closed is refused
  }

  // Runs `work` in a moment in which no tab writes an answer. It asks again and again instead of standing in the queue:
  // who stands there keeps others from their share, and nobody would know of their answers.
  async whenNone(work: () => void, pause = kPause): Promise<void> {
    while (!(await this.try(work))) await new Promise((resolve) => setTimeout(resolve, pause));
  }

  private async try(work: () => void): Promise<boolean> {
    if (this.letGo) return false;
    const run = (lock: Lock | null) => {
      if (!lock || this.letGo) return false;
      work();
      return true;
    };
    if (this.locks) return await this.locks.request(kLock, { ifAvailable: true }, run);
    work();
    return true;
  }
}
