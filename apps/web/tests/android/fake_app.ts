// SPDX-License-Identifier: Apache-2.0
// The Android app, played: files of dist-android at its address, the port, and requests on to a service over HTTP in place of
// the child process, or to the program itself (program.ts). What the app would be asked for beside that is kept for the test to look at.
import type { Page } from '@playwright/test';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { AppAnswer, ToApp } from '../../src/android/protocol';
import { fakeBridge } from './fake_bridge';
import { HttpService, type Request, type Service } from './service';

export const kAppUrl = 'https://thimble.invalid';
const dist = join(import.meta.dirname, '../../dist-android');
const kFrame = 16; // milliseconds, whose messages go as one
const kTypes: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

type Said<Type extends ToApp['type']> = Extract<ToApp, { type: Type }>;

export class FakeApp {
  readonly requests: Request[] = [];
  // In place of the service's answers, by "GET /path".
  readonly instead = new Map<string, { status: number; body: unknown }>();
  // What a picture decodes to, by the app's own means: base64 of a JPEG, or why not.
  decoded: { base64: string } | { error: string } = { error: 'This file is no picture that Android can read.' };
  isDead = false; // the child is
  private readonly heard: ToApp[] = [];
  private readonly open = new Map<number, () => void>(); // what gives each request up
  private batch: unknown[] = [];
  private life = '';

  constructor(
    private readonly page: Page,
    readonly child: { url: string; token: string },
    public service: Service = new HttpService(child.url, child.token),
  ) {}

  async install(): Promise<void> {
    if (!existsSync(join(dist, 'index.html'))) throw new Error('there is no dist-android: run node tools/android_page.mjs');
    await this.page.exposeBinding('toApp', (_, life: string, text: string) => this.take(life, text));
    await this.page.addInitScript(fakeBridge);
    await this.page.route(`${kAppUrl}/**`, (route) => {
      const name = normalize(new URL(route.request().url()).pathname).slice(1) || 'index.html';
      const path = join(dist, name);
      if (!existsSync(path) || !statSync(path).isFile()) return route.fulfill({ status: 404, body: '' });
      return route.fulfill({ body: readFileSync(path), contentType: kTypes[extname(name)] ?? 'application/octet-stream' });
    });
  }

  // What the page asked the app for, the latest last.
  said<Type extends ToApp['type']>(type: Type): Said<Type>[] {
    return this.heard.filter((message): message is Said<Type> => message.type === type);
  }

  event(event: string, fields: object = {}): void {
    this.tell({ type: 'event', event, ...fields });
  }

  // The child ends: what it was answering fails. `again`: the app starts another one.
  die(again: boolean): void {
    this.isDead = true;
    for (const [id, giveUp] of [...this.open]) {
      this.open.delete(id);
      giveUp();
      this.tell({ type: 'failed', id, message: 'the engine ended' } satisfies AppAnswer);
    }
    this.event('died', { message: 'The system ended it: out of memory.', again });
  }

  revive(): void {
    this.isDead = false;
    this.event('started', { version: '0.0.0', isa: 'neon dotprod i8mm', threads: 4 });
  }

  private take(life: string, text: string): void {
    // Another document: nobody hears the answers of the last one.
    if (life !== this.life) {
      this.life = life;
      for (const giveUp of this.open.values()) giveUp();
      this.open.clear();
    }
    const message = JSON.parse(text) as ToApp;
    if (message.type === 'request') this.ask(message);
    else if (message.type === 'cancel') {
      this.open.get(message.id)?.();
      this.open.delete(message.id);
    } else {
      this.heard.push(message);
      if (message.type === 'decode') this.tell({ type: 'decoded', id: message.id, ...this.decoded });
    }
  }

  private ask(asked: Request): void {
    const { id, method, path } = asked;
    this.requests.push(asked);
    if (this.isDead) return this.tell({ type: 'failed', id, message: 'there is no engine' });
    const own = this.instead.get(`${method} ${path}`);
    if (own) {
      this.tell({ type: 'answer', id, status: own.status, headers: [['content-type', 'application/json']] });
      this.tell({ type: 'part', id, text: JSON.stringify(own.body) });
      return this.tell({ type: 'end', id });
    }
    const isOpen = (): boolean => this.open.has(id);
    let decoder: StringDecoder | null = null;
    this.open.set(id, () => undefined);
    const giveUp = this.service.ask(asked, {
      head: (status, headers) => {
        const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? '';
        if (/^(text\/|application\/json)/.test(type)) decoder = new StringDecoder('utf8');
        if (isOpen()) this.tell({ type: 'answer', id, status, headers });
      },
      part: (bytes) => isOpen() && this.tell({ type: 'part', id, ...(decoder ? { text: decoder.write(bytes) } : { base64: bytes.toString('base64') }) }),
      end: () => this.open.delete(id) && this.tell({ type: 'end', id }),
      failed: (message) => this.open.delete(id) && this.tell({ type: 'failed', id, message }),
    });
    if (isOpen()) this.open.set(id, giveUp);
  }

  private tell(message: object): void {
    this.batch.push(message);
    if (this.batch.length === 1) setTimeout(() => this.flush(), kFrame);
  }

  private flush(): void {
    const { life } = this;
    const text = JSON.stringify(this.batch.length === 1 ? this.batch[0] : this.batch);
    this.batch = [];
    // A page that is being loaded, or was closed, hears nothing.
    this.page.evaluate(([to, told]) => window.fromApp?.(to!, told!), [life, text]).catch(() => undefined);
  }
}
