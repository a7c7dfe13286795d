// SPDX-License-Identifier: Apache-2.0
// The app's native program (apps/android/native), running, with lines in and out as the app's Java has them.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { bodyOf, type Heard, type Request, type Service } from './service';

type Line = Record<string, unknown>;
const kPiece = 1 << 20;

export class Program implements Service {
  readonly lines: Line[] = []; // all that are of no request
  onLine: (line: Line) => void = () => undefined;
  onEnd: (signal: string) => void = () => undefined;
  private readonly process: ChildProcessWithoutNullStreams;
  private readonly open = new Map<number, Heard>();
  private rest = Buffer.alloc(0);
  private head: Line | null = null; // of a line whose bytes are on their way
  private lastId = 0;
  readonly started: Promise<Line>;

  // command: what runs it, an emulator before it or not. `home`: the app's folder.
  constructor(command: string[], home: string, start: object) {
    this.process = spawn(command[0]!, command.slice(1));
    this.process.stderr.pipe(process.stderr);
    this.process.stdin.on('error', () => undefined); // it ended; `exit` tells
    this.process.stdout.on('data', (bytes: Buffer) => this.take(bytes));
    this.started = new Promise((resolve, reject) => {
      this.onLine = (line) => {
        if (line['started']) resolve(line['started'] as Line);
        if (line['failed']) reject(new Error(JSON.stringify(line['failed'])));
      };
    });
    this.process.on('exit', (status, signal) => {
      for (const heard of this.open.values()) heard.failed('the engine ended');
      this.open.clear();
      this.onEnd(signal ?? String(status));
    });
    this.say({ start: { version: '0.0.0', models: join(home, 'models'), chats: home, cache: join(home, 'cache'), threads: 2, context: 2048, ...start } });
  }

  ask(asked: Request, heard: Heard): () => void {
    const id = ++this.lastId;
    const { method, path, query, headers } = asked;
    this.open.set(id, heard);
    const body = bodyOf(asked);
    const first = body?.subarray(0, kPiece);
    this.say({ request: id, method, path, query, headers, ...(body && body.length > kPiece ? { more: true } : {}) }, first);
    for (let at = kPiece; body && at < body.length; at += kPiece) {
      this.say({ body: id, ...(at + kPiece < body.length ? { more: true } : {}) }, body.subarray(at, at + kPiece));
    }
    return () => {
      if (this.open.delete(id)) this.say({ cancel: id });
    };
  }

  say(line: Line, bytes?: Buffer): void {
    this.process.stdin.write(`${JSON.stringify(bytes ? { ...line, bytes: bytes.length } : line)}\n`);
    if (bytes) this.process.stdin.write(Buffer.concat([bytes, Buffer.from('\n')]));
  }

  // A request of the test's own, answered whole.
  async get(method: string, path: string, body?: Buffer, headers: [string, string][] = []): Promise<{ status: number; body: Buffer }> {
    const parts: Buffer[] = [];
    let status = 0;
    await new Promise<void>((resolve, reject) =>
      this.ask({ type: 'request', id: 0, method, path, query: '', headers: [...headers, ['content-length', String(body?.length ?? 0)]], ...(body ? { base64: body.toString('base64') } : {}) }, {
        head: (said) => (status = said),
        part: (bytes) => parts.push(bytes),
        end: resolve,
        failed: (message) => reject(new Error(message)),
      }),
    );
    return { status, body: Buffer.concat(parts) };
  }

  kill(): Promise<void> {
    const ended = this.process.exitCode !== null || this.process.signalCode !== null ? Promise.resolve() : new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.process.kill('SIGKILL');
    return ended;
  }

  private take(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (;;) {
      if (this.head) {
        const length = this.head['bytes'] as number;
        if (this.rest.length < length + 1) return;
        if (this.rest[length] !== 10) throw new Error('no newline behind the bytes');
        this.hear(this.head, this.rest.subarray(0, length));
        this.head = null;
        this.rest = this.rest.subarray(length + 1);
        continue;
      }
      const end = this.rest.indexOf(10);
      if (end < 0) return;
      const line = JSON.parse(this.rest.subarray(0, end).toString()) as Line;
      this.rest = this.rest.subarray(end + 1);
      if (typeof line['bytes'] === 'number') this.head = line;
      else this.hear(line);
    }
  }

  private hear(line: Line, bytes?: Buffer): void {
    const heard = this.open.get((line['answer'] ?? line['part'] ?? line['end']) as number);
    if ('answer' in line) heard?.head(line['status'] as number, line['headers'] as [string, string][]);
    else if ('part' in line) heard?.part(Buffer.from(bytes ?? []));
    else if ('end' in line) {
      this.open.delete(line['end'] as number);
      heard?.end();
    } else {
      this.lines.push(line);
      this.onLine(line);
    }
  }
}
