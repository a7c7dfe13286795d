// SPDX-License-Identifier: Apache-2.0
// Watches models being opened, so that LoadingFlag knows when one ended the tab or the worker.
import { ApiError, ask, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import type { LoadingFlag } from './loading_flag';

const kOpen = /^\/thimble\/v1\/models\/([^/?]+)\/open$/;
const kUnload = '/thimble/v1/models/unload';
const kPause = 500; // milliseconds between looks; at first a tenth of it, for small models are open at once
const kFirstLooks = 20;
const kMostLooks = 1200;

interface Listed {
  models: { name: string; open: boolean; opening?: number }[];
}

export class LoadingTransport implements Transport {
  constructor(
    private readonly inner: Transport,
    private readonly flag: LoadingFlag,
    private readonly pause = kPause,
  ) {}

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const model = request.method === 'POST' ? kOpen.exec(request.path)?.[1] : undefined;
    if (model === undefined) {
      const answer = await this.inner.request(request);
      if (request.path === kUnload && answer.status === 204) this.flag.forget();
      return answer;
    }
    const name = decodeURIComponent(model);
    this.flag.begin(name);
    try {
      const answer = await this.inner.request(request);
      if (answer.status === 202) void this.watch(name);
      else this.flag.end(false);
      return answer;
    } catch (error) {
      this.failed(error);
      throw error;
    }
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.code === 'engine_died') this.flag.died();
    else this.flag.end(false);
  }

  // Until it is open, or is not being opened any more. The tab may end meanwhile: then the flag stays.
  private async watch(name: string): Promise<void> {
    for (let looks = 0; looks < kMostLooks; looks++) {
      await new Promise((resolve) => setTimeout(resolve, looks < kFirstLooks ? this.pause / 10 : this.pause));
      try {
        const { models } = await ask<Listed>(this.inner, 'GET', '/thimble/v1/models');
        const model = models.find((other) => other.name === name);
        if (model?.open || model?.opening === undefined) return this.flag.end(model?.open ?? false);
      } catch (error) {
        return this.failed(error);
      }
    }
  }
}
