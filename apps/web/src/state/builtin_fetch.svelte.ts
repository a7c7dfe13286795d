// SPDX-License-Identifier: Apache-2.0
// The built-in model on its way from the page's host: what a model's import is, with pieces of the host's in place of files.
import type { BrowserEngine } from '../engine/browser_engine';
import type { Share } from '../engine/builtin_share';
import { t } from '../lib/i18n/i18n.svelte';
import { ApiError } from '../lib/transport/transport';
import { faultText } from './faults';
import type { Arriving, Prepare } from './model_import.svelte';
import { kBuiltIn } from './models.svelte';

// Faults of the host, not of the engine.
const kOfHost = /^(share_|unreachable$)/;

export class BuiltinFetch implements Arriving {
  readonly name = kBuiltIn;
  readonly total: number;
  sent = $state(0);
  state = $state<Arriving['state']>('sending');
  fault = $state('');
  secondsLeft = $state(0);
  private readonly abort = new AbortController();

  constructor(
    private readonly own: Pick<BrowserEngine, 'fetchBuiltin'>,
    private readonly share: Share,
    private readonly prepare: Prepare,
    private readonly whenDone: (one: Arriving) => void,
  ) {
    this.total = share.bytes;
  }

  stop(): void {
    this.abort.abort();
  }

  async run(): Promise<void> {
    this.state = 'sending';
    this.fault = await this.prepare(this.total);
    if (this.fault !== '') {
      this.state = 'paused';
      return;
    }
    let began = 0;
    let before = 0; // bytes that were there already
    try {
      await this.own.fetchBuiltin(
        this.share,
        (bytes) => {
          if (began === 0) {
            began = Date.now();
            before = bytes;
          }
          this.sent = bytes;
          const rate = (bytes - before) / Math.max(1, Date.now() - began);
          this.secondsLeft = rate > 0 ? (this.total - bytes) / rate / 1000 : 0;
        },
        this.abort.signal,
      );
      this.state = 'done';
    } catch (error) {
      if (this.abort.signal.aborted) return;
      this.state = 'paused';
      this.fault = error instanceof ApiError && kOfHost.test(error.code) ? t('own.hostLost') : faultText(error);
    }
    this.whenDone(this);
  }
}
