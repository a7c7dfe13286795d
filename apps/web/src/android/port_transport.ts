// SPDX-License-Identifier: Apache-2.0
// Transport over the app's port, to the engine in its child process.
import { abortOf, openExchange, type Exchange } from '../engine/exchange';
import { headOf } from '../engine/worker_transport';
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import { fileToBase64, fromBase64 } from './base64';
import type { Bridge } from './bridge';
import type { AppAnswer } from './protocol';

async function bodyOf(body: TransportRequest['body']): Promise<{ text?: string; base64?: string; length: number }> {
  if (body === undefined) return { length: 0 };
  if (typeof body === 'string') return { text: body, length: new TextEncoder().encode(body).length };
  try {
    return { base64: await fileToBase64(body), length: body.size };
  } catch (error) {
    throw new ApiError(0, 'unreadable', `The file cannot be read any more: ${String(error)}`);
  }
}

export class PortTransport implements Transport {
  private readonly open = new Map<number, Exchange>();
  private readonly encoder = new TextEncoder();
  // Why nothing can be asked for; null: it can.
  private refusal: ApiError | null = null;

  constructor(private readonly bridge: Bridge) {
    bridge.onAnswer = (answer) => this.take(answer);
    bridge.onRenewed = () => this.lose(new ApiError(0, 'unreachable', 'The app made its side anew.'));
    bridge.on('started', () => (this.refusal = null));
    bridge.on('died', ({ message, again }) => {
      this.refusal = new ApiError(0, again ? 'engine_died' : 'engine_ended', message);
      this.lose(this.refusal);
    });
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const { signal } = request;
    if (signal?.aborted) throw abortOf(signal);
    const { length, ...body } = await bodyOf(request.body);
    if (signal?.aborted) throw abortOf(signal);
    if (this.refusal) throw this.refusal;
    const id = this.bridge.newId();
    const exchange = openExchange(this.open, id, () => this.bridge.send({ type: 'cancel', id }), signal);
    this.bridge.send({ type: 'request', id, ...headOf(request, length), ...body });
    return exchange.answer;
  }

  private take(answer: AppAnswer): void {
    const exchange = this.open.get(answer.id);
    if (!exchange) return;
    try {
      this.give(exchange, answer);
    } catch (error) {
      // A part that cannot be read is a lost connection.
      exchange.fail(new ApiError(0, 'unreachable', String(error)));
      this.open.delete(answer.id);
      this.bridge.send({ type: 'cancel', id: answer.id });
    }
  }

  private give(exchange: Exchange, answer: AppAnswer): void {
    const { id } = answer;
    if (answer.type === 'answer') exchange.take({ id, begin: { status: answer.status, headers: answer.headers }, isEnd: false });
    else if (answer.type === 'part') exchange.take({ id, bytes: answer.text === undefined ? fromBase64(answer.base64 ?? '') : this.encoder.encode(answer.text), isEnd: false });
    else if (answer.type === 'end') exchange.take({ id, isEnd: true });
    else exchange.fail(new ApiError(0, 'engine_died', answer.message));
    if (answer.type === 'end' || answer.type === 'failed') this.open.delete(id);
  }

  private lose(fault: ApiError): void {
    const lost = [...this.open.values()];
    this.open.clear();
    for (const exchange of lost) exchange.fail(fault);
  }
}
