// SPDX-License-Identifier: Apache-2.0
// Follows an answer to its end, over as many connections as it takes. The service keeps the parts of an answer that has a
// name (X-Conversation-Id), so after a lost connection, a reload or a phone's sleep it goes on where it was.
import { ApiError, errorOf, type Transport } from '../transport/transport';
import { SseParser } from '../transport/sse';
import type { Chunk } from './chunks';

export interface FollowEvents {
  chunk(chunk: Chunk): void;
  waiting(place: number): void; // in the queue
  connection(state: 'connected' | 'lost'): void;
}

// 'end': all of it came. 'gone': the service does not know this answer (any more).
export type FollowResult = 'end' | 'gone';

const kWaits = [300, 700, 1500, 3000, 5000];
const kMostTries = 60;
const kMostEnding = 12; // tries, some 45 s, while the service ends the answer of this name that was stopped: its last token is still computed

export class Follower {
  private received = 0; // events so far
  private connection: AbortController | null = null;
  private isTaken = false; // the service has said that it answers
  private nudged = false;
  private wake: (() => void) | null = null;

  constructor(
    private readonly transport: Transport,
    private readonly id: string,
    private readonly events: FollowEvents,
    private readonly signal: AbortSignal,
    // The answer had a stream before, under the same name.
    private readonly isContinued = false,
  ) {}

  // With a request's body it asks; without, it goes on with an answer that is on its way. Where it is not known whether
  // the request arrived, an answer's stream tells; but of a continued one the service may still have the stream before,
  // so that one is asked for again, until it was taken or is refused since it runs. Refused before anything was lost, it
  // is the answer before that runs: it was stopped, and comes to its end.
  async run(request: Record<string, unknown> | null): Promise<FollowResult> {
    let asks = request !== null;
    let mayHaveArrived = false;
    for (let tries = 0; ; tries++) {
      const before = this.received;
      try {
        const result = await this.connect(asks ? request : null);
        if (result) return result;
        // Else it ended without its end: the connection was lost.
      } catch (error) {
        if (this.signal.aborted) throw error;
        if (asks && mayHaveArrived && error instanceof ApiError && error.status === 409) {
          asks = false;
          continue;
        }
        if (asks && this.isContinued && tries < kMostEnding && error instanceof ApiError && error.code === 'answer_running') {
          await this.pause(kWaits[Math.min(tries, kWaits.length - 1)]!);
          continue;
        }
        // An engine in the page took its answers with it.
        if (error instanceof ApiError && error.code.startsWith('engine_')) return 'gone';
        const isLost = this.nudged || (error instanceof ApiError && (error.status === 0 || error.status === 503));
        if (!isLost) throw error;
      }
      mayHaveArrived = true;
      asks = asks && this.isContinued && !this.isTaken;
      if (this.received > before) tries = 0;
      if (tries >= kMostTries) throw new ApiError(0, 'unreachable', '');
      if (this.nudged) {
        this.nudged = false;
        continue;
      }
      this.events.connection('lost');
      await this.pause(kWaits[Math.min(tries, kWaits.length - 1)]!);
    }
  }

  // Connects anew at once: the page was asleep, or the network came back.
  nudge(): void {
    if (this.wake) return this.wake();
    this.nudged = true;
    this.connection?.abort();
  }

  private async connect(request: Record<string, unknown> | null): Promise<FollowResult | null> {
    this.connection = new AbortController();
    const signal = AbortSignal.any([this.signal, this.connection.signal]);
    const answer = await this.transport.request(
      request
        ? {
            method: 'POST',
            path: '/v1/chat/completions',
            headers: { 'content-type': 'application/json', 'x-conversation-id': this.id },
            body: JSON.stringify(request),
            signal,
          }
        : { method: 'GET', path: `/thimble/v1/answers/${encodeURIComponent(this.id)}?from=${this.received}`, signal },
    );
    if (!request && [404, 405, 410, 501].includes(answer.status)) return 'gone';
    if (answer.status !== 200) throw await errorOf(answer);
    this.isTaken = true;
    this.events.connection('connected');
    const place = Number(answer.header('x-queue-place') ?? 0);
    if (place > 0) this.events.waiting(place);
    return this.read(answer.body());
  }

  private async read(body: AsyncIterable<Uint8Array>): Promise<FollowResult | null> {
    const parser = new SseParser((comment) => {
      const place = /^waiting, place (\d+)/.exec(comment);
      if (place) this.events.waiting(Number(place[1]));
    });
    for await (const bytes of body) {
      for (const { data } of parser.push(bytes)) {
        this.received++;
        if (data === '[DONE]') return 'end';
        this.events.chunk(JSON.parse(data) as Chunk);
      }
    }
    return null;
  }

  private pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.wake = null;
        this.signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      this.wake = done;
      this.signal.addEventListener('abort', done);
    });
  }
}

// Tells the service to stop an answer; whether it knew it.
export async function stopAnswer(transport: Transport, id: string): Promise<boolean> {
  const answer = await transport.request({ method: 'DELETE', path: `/thimble/v1/answers/${encodeURIComponent(id)}` });
  return answer.status === 204 || answer.status === 200;
}
