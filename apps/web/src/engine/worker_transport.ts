// SPDX-License-Identifier: Apache-2.0
// Transport over messages, to the engine in a worker of this page.
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import type { EngineLink } from './engine_link';
import { abortOf, openExchange, type Exchange } from './exchange';
import type { RequestHead } from './protocol';

function unescaped(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

// A body's type where nobody says it: as fetch has it.
function typeOf(body: TransportRequest['body']): string {
  if (typeof body === 'string') return 'text/plain;charset=UTF-8';
  return body?.type ?? '';
}

export function headOf({ method, path, headers, body }: TransportRequest, length: number): RequestHead {
  const [bare, ...query] = path.split('?');
  const all = new Headers(headers);
  const type = typeOf(body);
  if (type !== '' && !all.has('content-type')) all.set('content-type', type);
  if (body !== undefined) all.set('content-length', String(length));
  return { method, path: unescaped(bare!), query: query.join('?'), headers: [...all] };
}

async function bytesOfBody(body: TransportRequest['body']): Promise<ArrayBuffer | null> {
  if (body === undefined) return null;
  if (typeof body === 'string') return new TextEncoder().encode(body).buffer;
  try {
    return await body.arrayBuffer();
  } catch (error) {
    throw new ApiError(0, 'unreadable', `The file cannot be read any more: ${String(error)}`);
  }
}

export class WorkerTransport implements Transport {
  private readonly open = new Map<number, Exchange>();
  private lastId = 0;

  constructor(private readonly link: EngineLink) {
    link.onAnswers((parts) => {
      for (const part of parts) {
        this.open.get(part.id)?.take(part);
        if (part.isEnd) this.open.delete(part.id);
      }
    });
    link.onLost((fault) => {
      const lost = [...this.open];
      this.open.clear();
      for (const [id, exchange] of lost) {
        this.link.post({ kind: 'cancel', id }); // a worker that waits for its turn has it still
        exchange.fail(fault);
      }
    });
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const { signal } = request;
    if (signal?.aborted) throw abortOf(signal);
    const body = await bytesOfBody(request.body);
    if (signal?.aborted) throw abortOf(signal);
    const refusal = this.link.refusal();
    if (refusal) throw refusal;
    const id = ++this.lastId;
    const exchange = openExchange(this.open, id, () => this.link.post({ kind: 'cancel', id }), signal);
    this.link.post({ kind: 'request', id, head: headOf(request, body?.byteLength ?? 0), body }, body ? [body] : []);
    return exchange.answer;
  }
}
