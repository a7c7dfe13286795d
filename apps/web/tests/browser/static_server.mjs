// SPDX-License-Identifier: Apache-2.0
// Plain files as a host would send them: the test page under a folder, the modules beside it, with the headers that
// isolate the page or without. Prints one line of JSON when it listens.
//   node static_server.mjs --page FOLDER --wasm FOLDER [--models FOLDER] [--bare]
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { page: { type: 'string' }, wasm: { type: 'string' }, models: { type: 'string' }, bare: { type: 'boolean', default: false } },
});
const kFolder = '/some/folder/';
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json' };
// What the page is to run under; wasm-unsafe-eval is WebAssembly alone.
const kPolicy = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "connect-src 'self'", "img-src 'self' data: blob:",
  "require-trusted-types-for 'script'", 'trusted-types thimble-worker', "base-uri 'none'", "form-action 'none'",
].join('; ');
const kIsolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp', 'cross-origin-resource-policy': 'same-origin' };

function fileOf(path) {
  if (!path.startsWith(kFolder)) return null;
  const rest = normalize(path.slice(kFolder.length) || 'index.html');
  if (rest.startsWith('..')) return null;
  for (const [prefix, folder] of [['wasm/', values.wasm], ['models/', values.models], ['', values.page]]) {
    if (rest.startsWith(prefix) && (prefix === '' || folder)) return join(folder, rest.slice(prefix.length));
  }
  return null;
}

const server = createServer((request, response) => {
  const file = fileOf(decodeURIComponent((request.url ?? '').split('?')[0]));
  // A bare host knows no .wasm either.
  const type = values.bare && file?.endsWith('.wasm') ? 'application/octet-stream' : kTypes[extname(file ?? '')];
  const headers = { 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff', ...(values.bare ? {} : { ...kIsolation, 'content-security-policy': kPolicy }) };
  if (!file || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, { ...headers, 'content-type': 'text/plain' }).end('not here');
    return;
  }
  response.writeHead(200, { ...headers, 'content-type': type ?? 'application/octet-stream', 'content-length': statSync(file).size });
  createReadStream(file).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://localhost:${server.address().port}${kFolder}` }));
});
