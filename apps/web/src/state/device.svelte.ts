// SPDX-License-Identifier: Apache-2.0
// What this browser gives, where the engine runs in the page.
import { lookAtBrowser, variantsFor, type BrowserFacts, type Variant } from '../engine/variants';

export interface StorageFacts {
  used: number; // bytes
  quota: number;
  isPersisted: boolean;
}

class Device {
  readonly browser: BrowserFacts = lookAtBrowser();
  storage = $state.raw<StorageFacts | null>(null); // null: this browser does not say
  // What the engine runs with, once it runs.
  engine = $state.raw<{ variant: Variant; threads: number; mostMemory: number; isLess: boolean; isa: string } | null>(null);
  readonly hasWakeLock = 'wakeLock' in navigator;

  // The module that is used, or will be tried first; undefined: none can run here.
  get variant(): Variant | undefined {
    return this.engine?.variant ?? variantsFor(this.browser)[0];
  }

  async refresh(): Promise<void> {
    try {
      const { usage = 0, quota = 0 } = await navigator.storage.estimate();
      this.storage = { used: usage, quota, isPersisted: await navigator.storage.persisted() };
    } catch {
      this.storage = null;
    }
  }
}

export const device = new Device();
