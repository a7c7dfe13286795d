// SPDX-License-Identifier: Apache-2.0
// What the app has told of its engine and of the phone.
import { Bridge } from './bridge';
import type { AppEvents, Decision, Readings } from './protocol';

class AppState {
  readonly bridge = new Bridge();
  // What the engine runs with, once it has said so.
  engine = $state.raw<AppEvents['started'] | null>(null);
  // That the engine ended, until the person has read it.
  end = $state.raw<AppEvents['died'] | null>(null);
  isRunning = $state(true); // as far as the app has said
  decision = $state.raw<Decision | null>(null);
  readings = $state.raw<Readings | null>(null);

  // Nothing is computed until the phone is cooler.
  get isPaused(): boolean {
    return this.decision?.stop ?? false;
  }
}

export const appState = new AppState();
