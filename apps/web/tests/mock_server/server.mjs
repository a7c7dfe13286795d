// SPDX-License-Identifier: Apache-2.0
// The page and a service that plays its part (docs/serve.md), for tests of the page without the engine.
//
//   node server.mjs [--port N] [--script FILE] [--blind] [--upstream URL] [--page FOLDER [--storeless]]
//
// Prints {"url", "token"} when it listens. --upstream sends what is no file of the page to a server that is running, so
// that a page can be tried that is not inside it. --page: another build of the page; --storeless: it keeps no chats and
// asks for no token, as an engine in the page's own worker.
import { createServer, request as httpRequest } from 'node:http';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Answers, countTokens } from './answers.mjs';
import { Fault, Store } from './store.mjs';

const options = {};
for (let i = 2; i < process.argv.length; i++) {
  const name = process.argv[i].replace(/^--/, '');
  options[name] = process.argv[i + 1]?.startsWith('--') || i + 1 >= process.argv.length ? true : process.argv[++i];
}
const dist = options.page ?? join(fileURLToPath(new URL('.', import.meta.url)), '../../dist');
const token = '0123456789abcdef0123456789abcdef';
const script = options.script ? JSON.parse(readFileSync(options.script, 'utf8')) : { default: 'Hello.' };
const store = new Store();
const answers = new Answers(script, store);
const context = 8192;
const models = new Map([
  ['builtin', { name: 'builtin', title: 'Thimble Mini v0', bytes: 117809952, built_in: true, fits: true }],
  ['Fixture-VL', { name: 'Fixture-VL', bytes: 735000000, built_in: false, fits: true }],
  ['Qwen3.5-35B', { name: 'Qwen3.5-35B', bytes: 21000000000, built_in: false, fits: false, why: 'it needs 22.4 GB of memory, and 6.1 GB are free' }],
]);
let open = options.blind ? 'builtin' : 'Fixture-VL';
let packs = 120000000;
const uploads = new Map(); // "name/file" -> {bytes, total}

// As the service's own (apps/server/answer_head.cc).
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; " +
  "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'; trusted-types 'none'";
const types = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.woff2': 'font/woff2', '.json': 'application/json', '.webmanifest': 'application/manifest+json',
};

const sees = () => open !== 'builtin' && open !== '';
const priceOf = (width, height) => {
  const auto = Math.max(16, Math.min(1024, Math.round((width * height) / 1024)));
  return { tokens: { low: Math.min(256, auto), auto, high: auto * 2 }, seconds: 0.4 };
};

// Width and height from a PNG's, BMP's or JPEG's header; what is none of them is no picture.
function sizeOf(bytes) {
  if (bytes.length > 24 && bytes.readUInt32BE(0) === 0x89504e47) return [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  if (bytes.length > 54 && bytes.readUInt16BE(0) === 0x424d) return [bytes.readInt32LE(18), Math.abs(bytes.readInt32LE(22))];
  if (bytes.length > 4 && bytes.readUInt16BE(0) === 0xffd8) {
    for (let at = 2; at + 9 < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
      const kind = bytes[at + 1];
      if (kind >= 0xc0 && kind <= 0xc2) return [bytes.readUInt16BE(at + 7), bytes.readUInt16BE(at + 5)];
    }
  }
  return null;
}

function info() {
  return {
    version: 'mock',
    model: { name: open || 'builtin', open: open !== '', loading: 1, context, sees: sees(), threads: 2, instructions: 'avx2', ...(sees() ? {} : { why_blind: 'this model cannot see' }) },
    machine: { cores: 2, memory_free: 6100000000 },
    limits: { parallel: 4, queue: 64, picture_bytes: 67108864 },
    pid: process.pid,
    sockets: [{ local: `127.0.0.1:${server.address().port}`, remote: '', state: 'listening' }],
    sandbox: { files: true, network: true, calls: true, scopes: true, landlock: 7, lacks: [] },
  };
}

function putPicture(bytes, query) {
  const size = sizeOf(bytes);
  if (!size) throw new Fault(400, '[picture] this is no picture that can be read');
  if (size[0] * size[1] > 150e6) throw new Fault(400, `[picture] ${size[0]} x ${size[1]} has more than 150 megapixels`);
  const sha256 = store.putPicture(bytes, bytes[0] === 0x89 ? 'image/png' : bytes[0] === 0x42 ? 'image/bmp' : 'image/jpeg');
  if (!sees() && !query.has('keep')) throw new Fault(400, '[vision] this model cannot see', 'model_is_blind');
  const price = sees() ? priceOf(...size) : {};
  return { id: sha256, ...(query.has('keep') ? { sha256 } : {}), width: size[0], height: size[1], ...price };
}

function modelFile(method, name, file, request, bytes) {
  const key = `${name}/${file}`;
  if (method === 'GET') {
    const there = uploads.get(key);
    if (!there) throw new Fault(404, 'there is no such file');
    return { file, bytes: there.bytes, total: there.total, whole: there.bytes === there.total };
  }
  if (models.has(name)) throw new Fault(409, 'there is such a model');
  const range = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(request.headers['content-range'] ?? '');
  const total = range ? Number(range[3]) : bytes.length;
  uploads.set(key, { bytes: range ? Number(range[2]) + 1 : bytes.length, total });
  const isWhole = uploads.get(key).bytes === total;
  const isModel = isWhole && !/mmproj/.test(file);
  if (isModel) models.set(name, { name, bytes: total, built_in: false, fits: true });
  return { file, bytes: uploads.get(key).bytes, total, whole: isWhole, name, model: isModel, ...(isModel || !isWhole ? {} : { missing: 'the weights are missing' }) };
}

const kRoutes = [
  ['GET', /^\/info$/, () => info()],
  ['GET', /^\/models$/, () => ({ models: [...models.values()].map((model) => ({ ...model, open: model.name === open })), unfinished: [] })],
  ['POST', /^\/models\/unload$/, () => ((open = ''), undefined)],
  ['POST', /^\/models\/([^/]+)\/open$/, ([name]) => {
    if (!models.has(name)) throw new Fault(404, 'there is no such model');
    open = name;
    return {};
  }],
  ['GET', /^\/models\/([^/]+)\/([^/]+)$/, ([name, file], { request }) => modelFile('GET', name, file, request)],
  ['PUT', /^\/models\/([^/]+)\/([^/]+)$/, ([name, file], { request, bytes }) => modelFile('PUT', name, file, request, bytes)],
  ['DELETE', /^\/models\/([^/]+)$/, ([name]) => {
    if (name === open || name === 'builtin') throw new Fault(409, 'this model answers');
    models.delete(name);
    return { name, deleted: true };
  }],
  ['GET', /^\/picture-price$/, (_, { query }) => priceOf(Number(query.get('width')), Number(query.get('height')))],
  ['PUT', /^\/pictures$/, (_, { bytes, query }) => putPicture(bytes, query)],
  ['POST', /^\/count$/, (_, { body }) => ({ context, messages: countTokens(body.messages), answer: 8, pictures: [] })],
  ['GET', /^\/chats$/, (_, { query }) => store.list(query)],
  ['POST', /^\/chats$/, (_, { body }) => store.create(body), 201],
  ['POST', /^\/chats\/import$/, (_, { body }) => store.import(body), 201],
  ['GET', /^\/chats\/(\w+)$/, ([id]) => store.get(id)],
  ['PATCH', /^\/chats\/(\w+)$/, ([id], { body }) => store.change(id, body)],
  ['DELETE', /^\/chats\/(\w+)$/, ([id]) => store.delete(id)],
  ['POST', /^\/chats\/(\w+)\/messages$/, ([id], { body }) => store.add(id, body), 201],
  ['PATCH', /^\/chats\/(\w+)\/messages\/(\w+)$/, ([id, message], { body }) => store.changeMessage(id, message, body)],
  ['DELETE', /^\/chats\/(\w+)\/messages\/(\w+)$/, ([id, message]) => store.deleteMessage(id, message)],
  ['GET', /^\/settings$/, () => store.settings],
  ['PUT', /^\/settings$/, (_, { body }) => store.setSettings(body)],
  ['DELETE', /^\/packs$/, () => ((packs = 0), undefined)],
  ['GET', /^\/space$/, () => ({ models: 735000000, packs, chats: 40960, pictures: 1200000, backups: 81920 })],
  ['DELETE', /^\/answers\/(\w+)$/, ([id]) => {
    const answer = answers.byId.get(id);
    if (!answer || answer.isOver) throw new Fault(404, 'there is no such answer');
    answer.isStopped = true;
  }],
];

function answerJson(response, status, value) {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(value));
}

async function api(request, response, url) {
  if (!options.storeless && request.headers['x-thimble-token'] !== token) throw new Fault(401, 'the token is wrong');
  const parts = [];
  for await (const part of request) parts.push(part);
  const bytes = Buffer.concat(parts);
  if (url.pathname === '/v1/chat/completions') {
    const asked = JSON.parse(bytes.toString());
    const hasPictures = asked.messages.some((message) => Array.isArray(message.content) && message.content.some((part) => part.type === 'image_url'));
    if (hasPictures && !sees()) throw new Fault(400, '[vision] this model cannot see', 'model_is_blind');
    await answers.follow(answers.start(asked, request.headers['x-conversation-id'] ?? '', open || 'builtin'), 0, response);
    return;
  }
  const path = url.pathname.replace(/^\/thimble\/v1/, '');
  const followed = /^\/answers\/(\w+)$/.exec(path);
  if (followed && request.method === 'GET') {
    const answer = answers.byId.get(followed[1]);
    if (!answer) throw new Fault(404, 'there is no such answer');
    await answers.follow(answer, Number(url.searchParams.get('from') ?? 0), response);
    return;
  }
  if (options.storeless && /^\/(chats|settings)/.test(path)) throw new Fault(501, 'no chats are kept here');
  const picture = /^\/pictures\/(\w+)$/.exec(path);
  if (picture && request.method === 'GET') {
    const kept = store.pictures.get(picture[1]);
    if (!kept) throw new Fault(404, 'there is no such picture');
    response.writeHead(200, { 'content-type': kept.type });
    response.end(kept.bytes);
    return;
  }
  for (const [method, pattern, work, status] of kRoutes) {
    const found = pattern.exec(path);
    if (!found || method !== request.method) continue;
    const isJson = (request.headers['content-type'] ?? '').includes('json');
    const value = work(found.slice(1).map(decodeURIComponent), { request, bytes, query: url.searchParams, body: isJson && bytes.length > 0 ? JSON.parse(bytes.toString()) : {} });
    if (value === undefined) response.writeHead(204).end();
    else answerJson(response, status ?? 200, value);
    return;
  }
  throw new Fault(404, 'there is no such route');
}

function sendFile(response, path) {
  const name = normalize(path === '/' ? '/index.html' : path);
  let bytes;
  try {
    bytes = readFileSync(join(dist, name));
  } catch {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'content-type': types[extname(name)] ?? 'application/octet-stream',
    'cache-control': name.startsWith('/assets/') ? 'max-age=31536000, immutable' : 'no-cache',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  response.end(bytes);
}

function forward(request, response) {
  const to = new URL(request.url, options.upstream);
  const headers = { ...request.headers, host: to.host };
  delete headers.origin;
  delete headers['sec-fetch-site'];
  const passed = httpRequest(to, { method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  passed.on('error', () => response.destroy());
  response.on('close', () => passed.destroy());
  request.pipe(passed);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const isApi = /^\/(v1|thimble)\//.test(url.pathname);
  if (!isApi) return sendFile(response, url.pathname);
  if (options.upstream) return forward(request, response);
  try {
    await api(request, response, url);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else answerJson(response, error.status ?? 500, { error: { message: error.message, type: 'error', param: null, code: error.code || null } });
  }
});
server.listen(Number(options.port ?? 0), '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  console.log(JSON.stringify({ url, token: options.upstream ? '' : token }));
});
