// SPDX-License-Identifier: Apache-2.0
// One request to the engine's worker and its answer, as its parts come.
import { ApiError, type TransportAnswer } from '../lib/transport/transport';
import type { AnswerPart } from './protocol';

export class Exchange {
  readonly answer: Promise<TransportAnswer>;
  isDone = false; // nothing comes any more
  private begin!: (answer: TransportAnswer) => void;
  private refuse!: (fault: unknown) => void;
  private readonly pieces: Uint8Array<ArrayBuffer>[] = [];
  private fault: unknown = null;
  private wake: (() => void) | null = null;

  // `leave` is called where nobody reads the rest.
  constructor(private readonly leave: () => void) {
    this.answer = new Promise((resolve, reject) => {
      this.begin = resolve;
      this.refuse = reject;
    });
    this.answer.catch(() => undefined); // heard of by whoever asked
  }

  take({ begin, bytes, isEnd }: AnswerPart): void {
    if (this.isDone) return;
    if (begin) this.begin(this.answerOf(begin));
    if (bytes) this.pieces.push(bytes);
    if (isEnd) this.isDone = true;
    this.wake?.();
  }

  fail(fault: unknown): void {
    if (this.isDone) return;
    this.isDone = true;
    this.fault = fault;
    this.refuse(fault);
    this.wake?.();
  }

  // By whoever asked: what came and was not read yet does not come any more.
  abort(fault: unknown): void {
    if (!this.isDone) this.pieces.length = 0;
    this.fail(fault);
  }

  private answerOf({ status, headers }: NonNullable<AnswerPart['begin']>): TransportAnswer {
    const byName = new Headers(headers);
    return { status, header: (name) => byName.get(name), body: () => this.read() };
  }

  private async *read(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for (;;) {
        const piece = this.pieces.shift();
        if (piece) yield piece;
        else if (this.fault) throw this.fault as Error;
        else if (this.isDone) return;
        else {
          await new Promise<void>((resolve) => (this.wake = resolve));
          this.wake = null;
        }
      }
    } finally {
      if (!this.isDone) this.leave();
    }
  }
}

// Of an aborted signal: what fetch's carrier says.
export function abortOf(signal: AbortSignal): unknown {
  const reason = signal.reason as unknown;
  return reason instanceof DOMException && reason.name === 'AbortError' ? reason : new ApiError(0, 'unreachable', String(reason));
}

// A new one among those that are open. `cancel` is called once, where its rest is wanted no more, by its reader or by `signal`.
export function openExchange(open: Map<number, Exchange>, id: number, cancel: () => void, signal?: AbortSignal): Exchange {
  const leave = () => {
    if (open.delete(id)) cancel();
    signal?.removeEventListener('abort', abort);
  };
  const exchange = new Exchange(leave);
  const abort = () => {
    const fault = abortOf(signal!);
    leave();
    exchange.abort(fault);
  };
  signal?.addEventListener('abort', abort);
  open.set(id, exchange);
  return exchange;
}
