// SPDX-License-Identifier: Apache-2.0
// A host of plain files, as simple as they come: a folder below /app/, no headers of its own.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

const kTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2', '.json': 'application/json',
};

export interface Host {
  folder: string; // may be changed while it runs
  asked: string[]; // "GET /app/..."
  sent: Record<string, string>; // pages of another program, by their path
  port: number;
  url: string;
  stop(): Promise<void>;
  // While `work` runs, pieces of a model (*.bin) behind the first one do not come.
  hold(work: () => Promise<void>): Promise<void>;
}

export async function startHost(folder: string, headers: Record<string, string> = {}): Promise<Host> {
  const host = { folder, asked: [] as string[], sent: {} as Record<string, string>, port: 0, url: '', stop: async () => undefined } as Host;
  let held: (() => void)[] | null = null;
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    host.asked.push(`${request.method} ${path}`);
    if (held && /\.[1-9]\d*\.bin$/.test(path)) return void held.push(() => server.emit('request', request, response));
    if (host.sent[path]) {
      response.writeHead(200, { 'content-type': 'text/html', ...headers });
      return response.end(host.sent[path]);
    }
    const name = normalize(path).replace(/^\/app\//, '') || 'index.html';
    const file = join(host.folder, name);
    if (!path.startsWith('/app/') || !existsSync(file) || !statSync(file).isFile()) {
      response.writeHead(404, { 'content-type': 'text/plain' });
      return response.end('not here');
    }
    response.writeHead(200, { 'content-type': kTypes[extname(file)] ?? 'application/octet-stream', ...headers });
    return createReadStream(file).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.port = (server.address() as AddressInfo).port;
  host.url = `http://localhost:${host.port}/app/`;
  host.hold = async (work) => {
    const waiting: (() => void)[] = [];
    held = waiting;
    await work();
    held = null;
    for (const one of waiting) one();
  };
  host.stop = () => new Promise<void>((resolve) => {
    server.closeAllConnections();
    server.close(() => resolve());
  });
  return host;
}
