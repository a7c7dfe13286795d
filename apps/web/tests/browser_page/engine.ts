// SPDX-License-Identifier: Apache-2.0
// In place of the engine's worker: the mock server, whose answers end with the page as a worker's do. `killEngine` ends it
// before.
import { FetchTransport } from '../../src/lib/transport/fetch_transport';
import type { Transport } from '../../src/lib/transport/transport';

declare global {
  interface Window {
    killEngine?: () => void;
  }
}

const newLife = () => Math.random().toString(36).slice(2);

export async function openEngine(): Promise<Transport> {
  const server = new FetchTransport('', () => '');
  let life = newLife();
  let end = new AbortController();
  window.killEngine = () => {
    life = newLife();
    end.abort();
    end = new AbortController();
  };
  return {
    async request(request) {
      const headers = { ...request.headers };
      if (headers['x-conversation-id']) headers['x-conversation-id'] += life;
      const path = request.path.replace(/^(\/thimble\/v1\/answers\/\w+)/, `$1${life}`);
      const { signal } = end;
      try {
        const answer = await server.request({ ...request, path, headers, signal: request.signal ? AbortSignal.any([request.signal, signal]) : signal });
        return { ...answer, body: () => lost(answer.body(), signal) };
      } catch (error) {
        throw asLost(error, signal);
      }
    },
  };
}

const asLost = (error: unknown, signal: AbortSignal) => (signal.aborted ? new TypeError('the worker ended') : error);

async function* lost<T>(parts: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  try {
    yield* parts;
  } catch (error) {
    if (!signal.aborted) throw error;
    // The connection just ends.
  }
}
