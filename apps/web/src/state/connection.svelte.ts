// SPDX-License-Identifier: Apache-2.0
// Whether the service can be reached, and what it says of itself.
import type { Key } from '../lib/i18n/i18n.svelte';
import type { Socket } from '../lib/proof';
import { ApiError, ask } from '../lib/transport/transport';
import { hasToken, transport } from './session';

export interface Info {
  version: string;
  model: { name: string; open: boolean; loading: number; context: number; sees: boolean; why_blind?: string; threads?: number; instructions?: string };
  machine: { cores: number; memory_free: number };
  limits: { parallel: number; queue: number; picture_bytes: number };
  pid: number;
  sandbox: Record<string, unknown> & { lacks?: string[] };
  sockets?: Socket[];
}

export type ConnectionState = 'starting' | 'ready' | 'loading' | 'lost' | 'no-token' | 'wrong-token';

class Connection {
  state = $state<ConnectionState>('starting');
  info = $state.raw<Info | null>(null);
  // What to say of it in place of its state, where the engine is in the page.
  hint = $state<Key | ''>('');
  private timer = 0;
  private looking: Promise<void> | null = null;
  private isToLook = false;
  private readonly whenBack: (() => void)[] = [];

  // Another page would fit this service: it was updated while this page was open. Versions without numbers are tests'.
  get isOtherVersion(): boolean {
    const number = /^\d+\.\d+\.\d+/.exec(this.info?.version ?? '')?.[0];
    return number !== undefined && number !== __THIMBLE_VERSION__;
  }

  get isReady(): boolean {
    return this.state === 'ready' || this.state === 'loading';
  }

  start(): void {
    for (const event of ['online', 'pageshow', 'focus']) window.addEventListener(event, () => void this.look());
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && void this.look());
    void this.look();
  }

  // Called each time that the service can be reached after it could not.
  onBack(listener: () => void): void {
    this.whenBack.push(listener);
  }

  // What changed since a question was sent is not in its answer: it is asked again.
  look(): Promise<void> {
    this.isToLook = true;
    return (this.looking ??= this.lookOn());
  }

  private async lookOn(): Promise<void> {
    while (this.isToLook) {
      this.isToLook = false;
      await this.ask();
    }
    this.looking = null;
  }

  private async ask(): Promise<void> {
    const before = this.state;
    try {
      if (!hasToken()) this.state = 'no-token';
      else {
        this.info = await ask<Info>(transport, 'GET', '/thimble/v1/info');
        this.state = this.info.model.open || this.info.model.loading >= 1 || this.info.model.loading === 0 ? 'ready' : 'loading';
      }
    } catch (error) {
      const status = error instanceof ApiError ? error.status : 0;
      this.state = status === 401 || status === 403 ? 'wrong-token' : 'lost';
    }
    if (this.isReady && before !== 'ready' && before !== 'loading') for (const listener of this.whenBack) listener();
    window.clearTimeout(this.timer);
    const pause = this.state === 'ready' ? 20_000 : this.state === 'loading' ? 1000 : 2500;
    if (this.state !== 'no-token') {
      this.timer = window.setTimeout(() => (document.visibilityState === 'visible' ? void this.look() : undefined), pause);
    }
  }
}

export const connection = new Connection();
