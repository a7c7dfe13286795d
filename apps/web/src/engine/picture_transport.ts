// SPDX-License-Identifier: Apache-2.0
// Pictures for the engine in the browser. It decodes none of the usual kinds and keeps no files: the page decodes them,
// one at a time, and sends a kept one again where a message names it and the engine does not have it (any more).
import { ApiError, textOf, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import { answerOf, jsonAnswer } from './made_answer';

const kPut = /^\/thimble\/v1\/pictures(?:\?|$)/;
// As JSON of a request has it. In a text its quotes have backslashes, so words of a chat are never taken for a name.
const kNamed = /("(?:url|image_url)":")thimble:([0-9a-f]{64})"/g;

// Files that were sent from this page are remembered: those of chats that are not kept are in no store.
const kMostRemembered = 64 * 1024 * 1024;

export interface PictureParts {
  decode: (file: Blob) => Promise<Uint8Array<ArrayBuffer>>; // to BMP
  original: (sha256: string) => Promise<Blob>; // a kept picture's file; rejects where it is not here
}

interface Put {
  id: string;
}

export async function sha256Of(file: Blob): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class PictureTransport implements Transport {
  private readonly ids = new Map<string, string>(); // the engine's, by the file's SHA-256
  private readonly files = new Map<string, Blob>(); // the latest last
  private work: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly inner: Transport,
    private readonly parts: PictureParts,
  ) {}

  // The engine has been started anew and knows no picture.
  forget(): void {
    this.ids.clear();
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    if (request.method === 'PUT' && kPut.test(request.path) && request.body instanceof Blob) return this.put(request, request.body);
    if (request.method === 'POST' && typeof request.body === 'string' && request.body.search(kNamed) >= 0) return this.ask(request, request.body);
    return this.inner.request(request);
  }

  // The answer tells the file's own SHA-256, by which it is kept and named from then on.
  private async put(request: TransportRequest, file: Blob): Promise<TransportAnswer> {
    try {
      const sha256 = await sha256Of(file);
      const told = await this.oneAtATime(() => this.send(sha256, file, request.signal));
      this.remember(sha256, file);
      return jsonAnswer(200, { ...told, sha256 });
    } catch (error) {
      return answerOf(error);
    }
  }

  private async send(sha256: string, file: Blob, signal?: AbortSignal): Promise<Put> {
    const bmp = await this.parts.decode(file);
    const answer = await this.inner.request({
      method: 'PUT',
      path: '/thimble/v1/pictures',
      headers: { 'content-type': 'image/bmp' },
      body: new Blob([bmp]),
      signal,
    });
    const text = await textOf(answer);
    if (answer.status !== 200) throw faultIn(answer.status, text);
    const told = JSON.parse(text) as Put;
    this.ids.set(sha256, told.id);
    return told;
  }

  // Names that the engine does not know are made known first. It keeps the newest pictures only, so one that was sent
  // long ago may be gone: then all are sent again, once.
  private async ask(request: TransportRequest, body: string): Promise<TransportAnswer> {
    const names = [...new Set([...body.matchAll(kNamed)].map(([, , sha256]) => sha256!))];
    const sent = async () => {
      for (const name of names) if (!this.ids.has(name)) await this.sendKept(name, request.signal);
      return this.inner.request({ ...request, body: body.replace(kNamed, (_, key: string, sha256: string) => `${key}thimble:${this.ids.get(sha256) ?? sha256}"`) });
    };
    try {
      const answer = await sent();
      if (answer.status !== 400) return answer;
      const text = await textOf(answer);
      const fault = faultIn(400, text);
      if (fault.code !== 'picture_not_found') return answerOf(fault);
      for (const name of names) this.ids.delete(name);
      return await sent();
    } catch (error) {
      return answerOf(error);
    }
  }

  private async sendKept(sha256: string, signal?: AbortSignal): Promise<void> {
    const file = await this.parts.original(sha256).catch(() => this.files.get(sha256));
    if (file) await this.oneAtATime(() => this.send(sha256, file, signal));
    // Else the engine says that it has no such picture.
  }

  private remember(sha256: string, file: Blob): void {
    this.files.delete(sha256);
    this.files.set(sha256, file);
    let bytes = [...this.files.values()].reduce((sum, { size }) => sum + size, 0);
    for (const [oldest, { size }] of this.files) {
      if (bytes <= kMostRemembered || oldest === sha256) break;
      this.files.delete(oldest);
      bytes -= size;
    }
  }

  private oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const next = this.work.then(work);
    this.work = next.catch(() => undefined);
    return next;
  }
}

function faultIn(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { message?: string; code?: unknown; type?: string } };
    return new ApiError(status, String(error.code ?? error.type ?? ''), error.message ?? text);
  } catch {
    return new ApiError(status, '', text.slice(0, 400));
  }
}
