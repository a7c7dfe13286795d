// SPDX-License-Identifier: Apache-2.0
// One instance of the engine: requests go in, parts of answers come out. Whatever throws here was thrown by the engine's
// code, which cannot be called any more then.
import type { EngineExports } from './engine_exports';
import type { EngineMemory } from './engine_memory';
import type { AnswerPart, LogLevel, RequestHead } from './protocol';

const kLevels: LogLevel[] = ['info', 'warning', 'error'];
const kEarly = 256 * 1024; // bytes of answers that do not wait for the end of a call

// What came of one answer since it was last taken.
interface Waiting {
  begin?: AnswerPart['begin'];
  pieces: Uint8Array<ArrayBuffer>[];
  bytes: number;
  isEnd: boolean;
}

function joined(pieces: Uint8Array<ArrayBuffer>[], bytes: number): Uint8Array<ArrayBuffer> {
  if (pieces.length === 1) return pieces[0]!;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// The answers' imports exist before the module has an instance.
export class AnswerOutbox {
  private readonly waiting = new Map<number, Waiting>(); // by the engine's number
  private readonly pages = new Map<number, number>(); // the page's number by the engine's
  private bytes = 0;

  constructor(
    private readonly memory: EngineMemory,
    private readonly send: (parts: AnswerPart[]) => void,
    private readonly log: (level: LogLevel, text: string) => void,
  ) {}

  imports(): Record<string, (...values: number[]) => void> {
    return {
      answer_begin: (id, status, headers, length) => {
        const list = JSON.parse(this.memory.text(headers!, length!)) as unknown;
        this.of(id!).begin = { status: status!, headers: pairsOf(list) };
      },
      answer_part: (id, at, length) => {
        const waiting = this.of(id!);
        waiting.pieces.push(this.memory.copyOut(at!, length!));
        waiting.bytes += length! >>> 0;
        this.bytes += length! >>> 0;
        if (this.bytes > kEarly) this.flush();
      },
      answer_end: (id) => {
        this.of(id!).isEnd = true;
      },
      log: (level, at, length) => this.log(kLevels[level!] ?? 'info', this.memory.text(at!, length!)),
    };
  }

  // An answer that the engine knows nothing of.
  answer(page: number, status: number, json: string): void {
    const begin = { status, headers: [['content-type', 'application/json']] as [string, string][] };
    this.send([{ id: page, begin, bytes: new TextEncoder().encode(json), isEnd: true }]);
  }

  bind(id: number, page: number): void {
    this.pages.set(id, page);
  }

  forget(id: number): void {
    this.pages.delete(id);
    this.waiting.delete(id);
  }

  // Sends what there is, all in one message. Answers may begin before their request's number is known: these wait.
  flush(): void {
    const parts: AnswerPart[] = [];
    for (const [id, { begin, pieces, bytes, isEnd }] of this.waiting) {
      const page = this.pages.get(id);
      if (page === undefined) continue;
      parts.push({ id: page, isEnd, ...(begin ? { begin } : {}), ...(bytes > 0 ? { bytes: joined(pieces, bytes) } : {}) });
      this.bytes -= bytes;
      this.waiting.delete(id);
      if (isEnd) this.pages.delete(id);
    }
    if (parts.length > 0) this.send(parts);
  }

  private of(id: number): Waiting {
    let waiting = this.waiting.get(id);
    if (!waiting) this.waiting.set(id, (waiting = { pieces: [], bytes: 0, isEnd: false }));
    return waiting;
  }
}

// [["name", "value"], ...], or an object.
function pairsOf(list: unknown): [string, string][] {
  if (Array.isArray(list)) return list as [string, string][];
  return Object.entries(list as Record<string, string>);
}

export class Engine {
  private readonly numbers = new Map<number, number>(); // the engine's by the page's

  constructor(
    private readonly exports: EngineExports,
    private readonly memory: EngineMemory,
    private readonly outbox: AnswerOutbox,
  ) {}

  start(config: unknown): boolean {
    return this.withText(JSON.stringify(config), (at, length) => this.exports.thimble_start(at, length)) === 0;
  }

  selfCheck(): { passed: boolean; isa?: string; detail?: string } {
    const at = this.exports.thimble_self_check();
    return JSON.parse(this.memory.text(at, this.exports.thimble_text_length())) as { passed: boolean };
  }

  submit(page: number, head: RequestHead, body: ArrayBuffer | null): void {
    const { thimble_alloc, thimble_free, thimble_submit } = this.exports;
    const length = body?.byteLength ?? 0;
    const at = length > 0 ? thimble_alloc(length) : 0;
    if (length > 0 && at === 0) {
      this.refuse(page, 507, 'no_memory', 'There is no memory for this request.');
      return;
    }
    if (body && length > 0) this.memory.view(at, length).set(new Uint8Array(body));
    const id = this.withText(JSON.stringify(head), (headAt, headLength) => thimble_submit(headAt, headLength, at, length));
    if (length > 0) thimble_free(at);
    this.numbers.set(page, id);
    this.outbox.bind(id, page);
    this.outbox.flush();
  }

  cancel(page: number): void {
    const id = this.numbers.get(page);
    if (id === undefined) return;
    this.numbers.delete(page);
    this.exports.thimble_cancel(id);
    this.outbox.forget(id);
  }

  // Its answer is complete.
  finish(page: number): void {
    this.numbers.delete(page);
  }

  // The page's numbers of those that are on their way.
  open(): number[] {
    return [...this.numbers.keys()];
  }

  // True: there is more to do at once.
  pump(): boolean {
    const more = this.exports.thimble_pump() === 1;
    this.outbox.flush();
    return more;
  }

  help(): boolean {
    const more = this.exports.thimble_help() === 1;
    this.outbox.flush();
    return more;
  }

  // Seconds until one of the two wants to be called.
  due(): number {
    return this.exports.thimble_due();
  }

  private refuse(page: number, status: number, code: string, message: string): void {
    const text = JSON.stringify({ error: { message, type: 'server_error', param: null, code } });
    this.outbox.answer(page, status, text);
  }

  private withText<T>(text: string, work: (at: number, length: number) => T): T {
    const bytes = new TextEncoder().encode(text);
    const at = this.exports.thimble_alloc(Math.max(1, bytes.length));
    if (at === 0) throw new WebAssembly.RuntimeError('no memory for a request');
    this.memory.view(at, bytes.length).set(bytes);
    const result = work(at, bytes.length);
    this.exports.thimble_free(at); // not after a trap: it may have come while the allocator was locked
    return result;
  }
}
