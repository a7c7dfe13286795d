// SPDX-License-Identifier: Apache-2.0
// Transport over fetch, to the server that the page came from.
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from './transport';

async function* chunksOf(body: ReadableStream<Uint8Array<ArrayBuffer>> | null): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!body) return;
  // Safari has no asynchronous iteration of streams.
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw asApiError(error);
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

// Engines word a lost connection differently ("Load failed", "Failed to fetch", "network error"): whatever is not an
// abort is one.
function asApiError(error: unknown): unknown {
  if (error instanceof DOMException && error.name === 'AbortError') return error;
  return new ApiError(0, 'unreachable', String(error));
}

export class FetchTransport implements Transport {
  constructor(
    private readonly base: string,
    private readonly token: () => string,
  ) {}

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const headers: Record<string, string> = { ...request.headers };
    const token = this.token();
    if (token !== '') headers['x-thimble-token'] = token;
    let response: Response;
    try {
      response = await fetch(this.base + request.path, {
        method: request.method,
        headers,
        body: request.body ?? null,
        signal: request.signal ?? null,
        keepalive: request.outlivesPage ?? false,
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
      });
    } catch (error) {
      throw asApiError(error);
    }
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      body: () => chunksOf(response.body as ReadableStream<Uint8Array<ArrayBuffer>> | null),
    };
  }
}
