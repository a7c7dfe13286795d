// SPDX-License-Identifier: Apache-2.0
// How much may still be written. The browser tells by a promise, so what it told last is kept and what was written since
// is taken off.

export class FreeSpace {
  private told = -1; // -1: unknown
  private written = 0; // since then
  private asking = false;

  constructor(private readonly ask: () => Promise<{ quota?: number; usage?: number }>) {}

  get bytes(): number {
    return this.told < 0 ? -1 : Math.max(0, this.told - this.written);
  }

  wrote(bytes: number): void {
    this.written += bytes;
  }

  // Between calls of the engine, where something was written; `always` at the beginning and after deleting.
  async refresh(always = false): Promise<void> {
    if (this.asking || (!always && this.written === 0)) return;
    this.asking = true;
    const before = this.written;
    try {
      const { quota, usage } = await this.ask();
      this.told = quota === undefined ? -1 : Math.max(0, quota - (usage ?? 0));
      this.written -= before; // what was written meanwhile may or may not be in it
    } catch {
      this.told = -1;
    } finally {
      this.asking = false;
    }
  }
}
