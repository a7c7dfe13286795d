// SPDX-License-Identifier: Apache-2.0
// The one engine of this page, started when the page first needs it.
import { BrowserEngine, type BrowserEngineOptions } from './browser_engine';

let engine: BrowserEngine | null = null;

// `original` is asked of the first caller's only.
export function openEngine(original: BrowserEngineOptions['original']): BrowserEngine {
  if (!engine) {
    engine = new BrowserEngine({ version: __THIMBLE_VERSION__, original });
    engine.start();
    const { link } = engine;
    // The model that was open last, at each start of the engine by itself; what a crash ended is for the person to open.
    const leave = link.onState(({ state }) => {
      if (state !== 'ready') return;
      leave();
      engine?.openLast().catch(() => undefined); // the list of models says why
    });
  }
  return engine;
}

// What "This device" and the page's notices look at; null before it is needed.
export function theEngine(): BrowserEngine | null {
  return engine;
}
