// SPDX-License-Identifier: Apache-2.0
// The engine's worker, played: messages come and go as with a real one, later.
import type { WorkerEnd } from '../../src/engine/engine_link';
import type { EngineFacts, FromWorker, ToWorker } from '../../src/engine/protocol';
import type { PlayedService } from './transport_suite';

export const kFacts: EngineFacts = { variant: 'simd-threads', threads: 2, isIsolated: true, storage: 'kept', mostMemory: 1 << 30, isLess: false, isa: 'simd128' };

export class FakeWorker implements WorkerEnd {
  onmessage: WorkerEnd['onmessage'] = null;
  onerror: WorkerEnd['onerror'] = null;
  readonly got: ToWorker[] = [];
  isEnded = false;
  private readonly leaving = new Map<number, () => void>();

  constructor(
    private readonly service: PlayedService | null,
    private readonly starts = true,
  ) {}

  postMessage(message: ToWorker, transfer: Transferable[]): void {
    const copy = message.kind === 'pick' ? message : structuredClone(message, { transfer });
    setTimeout(() => this.isEnded || this.take(copy));
  }

  terminate(): void {
    this.isEnded = true;
  }

  tell(message: FromWorker): void {
    setTimeout(() => this.isEnded || this.onmessage?.({ data: message } as MessageEvent<FromWorker>));
  }

  die(message: string): void {
    this.onerror?.({ message } as ErrorEvent);
  }

  private take(message: ToWorker): void {
    this.got.push(message);
    if (message.kind === 'start' && this.starts) this.tell({ kind: 'state', state: { state: 'ready', facts: kFacts } });
    else if (message.kind === 'cancel') this.leaving.get(message.id)?.();
    else if (message.kind === 'request') this.serve(message);
  }

  private serve({ id, head, body }: Extract<ToWorker, { kind: 'request' }>): void {
    const bytes = (text: string) => new TextEncoder().encode(text);
    const { method, path, query, headers } = head;
    const leave = this.service?.take(
      { method, path, query, headers: Object.fromEntries(headers), body: new TextDecoder().decode(body ?? new ArrayBuffer(0)) },
      {
        begin: (status, given = {}) => this.tell({ kind: 'answers', parts: [{ id, begin: { status, headers: Object.entries(given) }, isEnd: false }] }),
        part: (text) => this.tell({ kind: 'answers', parts: [{ id, bytes: bytes(text), isEnd: false }] }),
        end: () => this.tell({ kind: 'answers', parts: [{ id, isEnd: true }] }),
      },
    );
    if (leave) this.leaving.set(id, leave);
  }
}
