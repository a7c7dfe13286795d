// SPDX-License-Identifier: Apache-2.0
// The engine of a page that has one in itself: where it is, and what a person can do about it. Over a server there is none.
import type { BrowserEngine } from '../engine/browser_engine';
import type { LinkState } from '../engine/engine_link';

class Engine {
  own = $state.raw<BrowserEngine | null>(null);
  link = $state.raw<LinkState | null>(null);
  // The model whose loading ended the page the last time; empty: none did.
  crashed = $state('');

  takeOver(): void {
    this.own?.link.takeOver();
  }

  restart(): void {
    this.own?.link.restart();
  }
}

export const engine = new Engine();
