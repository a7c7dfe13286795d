// SPDX-License-Identifier: Apache-2.0
// The app's end of a port, played: messages come and go as with a real one, later, those of the app all of one frame at once.
import { StringDecoder } from 'node:string_decoder';
import type { FromApp, ToApp } from '../../src/android/protocol';
import type { PlayedService } from './transport_suite';

export class FakePort {
  onmessage: ((event: MessageEvent) => void) | null = null;
  readonly got: ToApp[] = [];
  isClosed = false;
  private readonly leaving = new Map<number, () => void>();
  private batch: FromApp[] = [];

  constructor(private readonly service: PlayedService | null = null) {}

  // The page's end.
  postMessage(text: string): void {
    setTimeout(() => this.isClosed || this.take(JSON.parse(text) as ToApp));
  }

  close(): void {
    this.isClosed = true;
  }

  tell(message: FromApp): void {
    this.batch.push(message);
    if (this.batch.length === 1) setTimeout(() => this.say(JSON.stringify(this.batch.splice(0))));
  }

  say(data: unknown): void {
    if (!this.isClosed) this.onmessage?.({ data } as MessageEvent);
  }

  private take(message: ToApp): void {
    this.got.push(message);
    if (message.type === 'cancel') this.leaving.get(message.id)?.();
    else if (message.type === 'request') this.serve(message);
  }

  private serve({ id, method, path, query, headers, text, base64 }: Extract<ToApp, { type: 'request' }>): void {
    const body = base64 === undefined ? (text ?? '') : Buffer.from(base64, 'base64').toString();
    const decoder = new StringDecoder('utf8');
    const leave = this.service?.take(
      { method, path, query, headers: Object.fromEntries(headers), body },
      {
        begin: (status, given = {}) => this.tell({ type: 'answer', id, status, headers: Object.entries(given) }),
        part: (part) => this.tell(part.startsWith('two') ? { type: 'part', id, base64: btoa(part) } : { type: 'part', id, text: decoder.write(Buffer.from(part)) }),
        end: () => this.tell({ type: 'end', id }),
      },
    );
    if (leave) this.leaving.set(id, leave);
  }
}
