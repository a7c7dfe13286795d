// SPDX-License-Identifier: Apache-2.0
// What a played app hands the page's requests to: a service over HTTP, or the native program (program.ts).
import { request } from 'node:http';
import type { ToApp } from '../../src/android/protocol';

export type Request = Extract<ToApp, { type: 'request' }>;

export interface Heard {
  head(status: number, headers: [name: string, value: string][]): void;
  part(bytes: Buffer): void;
  end(): void;
  failed(message: string): void;
}

export interface Service {
  // Hands it over; what comes back gives it up.
  ask(asked: Request, heard: Heard): () => void;
}

export const bodyOf = ({ text, base64 }: Request): Buffer | undefined => (base64 === undefined ? text === undefined ? undefined : Buffer.from(text) : Buffer.from(base64, 'base64'));

export class HttpService implements Service {
  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  ask(asked: Request, heard: Heard): () => void {
    const { method, path, query, headers } = asked;
    const { hostname, port } = new URL(this.url);
    const sent = request(
      { host: hostname, port, method, path: encodeURI(path) + (query ? `?${query}` : ''), headers: { ...Object.fromEntries(headers), 'x-thimble-token': this.token } },
      (answer) => {
        heard.head(answer.statusCode ?? 0, Object.entries(answer.headers).map(([name, value]) => [name, String(value)]));
        answer.on('data', (bytes: Buffer) => heard.part(bytes));
        answer.on('end', () => heard.end());
      },
    );
    sent.on('error', (error) => heard.failed(error.message));
    sent.end(bodyOf(asked));
    return () => sent.destroy();
  }
}
