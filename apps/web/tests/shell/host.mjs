// SPDX-License-Identifier: Apache-2.0
// A host of plain files, as simple as they come: a folder below /app/, no headers of its own. `host.folder` may be changed
// while it runs; `host.asked` is what was asked for.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const kTypes = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2', '.json': 'application/json',
};

export async function startHost(folder, headers = {}) {
  const host = { folder, asked: [], sent: {} };
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname);
    host.asked.push(`${request.method} ${path}`);
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
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.port = server.address().port;
  host.url = `http://localhost:${host.port}/app/`;
  host.stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return host;
}
