// SPDX-License-Identifier: Apache-2.0
// Runs a module in Node as a page's engine worker does: storage, WASI, compute workers, requests and their answers.
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import { importsFor } from './imports.mjs';

const kStackBytes = 1 << 20;
const kPage = 65536;
const kMostPages = 65535; // that the modules declare

// A module's threads need shared memory, which we make.
export function hasThreads(module) {
  return WebAssembly.Module.imports(module).some((wanted) => wanted.kind === 'memory');
}

export class Engine {
  // `options`: wasm (path), storage, threads, memoryBytes (maximum; 0: the module's), config (more for thimble_start), log.
  static async start(options) {
    const engine = new Engine(options);
    await engine.join();
    const config = { threads: engine.threads, context: 512, version: '0.0.0-test', ...(options.memoryBytes ? { memory_bytes: options.memoryBytes } : {}), ...options.config };
    engine.started = engine.startWith(JSON.stringify(config));
    return engine;
  }

  constructor({ wasm, storage, threads = 1, memoryBytes = 0, initialBytes = 1024 * kPage, log = [] }) {
    this.module = new WebAssembly.Module(fs.readFileSync(wasm));
    this.storage = storage;
    this.log = log;
    this.answers = new Map();
    this.workers = [];
    this.highest = 0;
    const imports = importsFor(this.module, () => this.memory, this.page(), (text) => this.log.push(text));
    if (hasThreads(this.module)) {
      const maximum = memoryBytes > 0 ? Math.floor(memoryBytes / kPage) : kMostPages;
      this.memory = new WebAssembly.Memory({ initial: Math.ceil(initialBytes / kPage), maximum, shared: true });
      imports.env.memory = this.memory;
    }
    this.threads = hasThreads(this.module) ? threads : 1;
    this.exports = new WebAssembly.Instance(this.module, imports).exports;
    this.memory ??= this.exports.memory;
    this.exports._initialize();
  }

  bytes(at, count) {
    return new Uint8Array(this.memory.buffer, at >>> 0, count >>> 0);
  }
  text(at, count) {
    return new TextDecoder().decode(this.bytes(at, count).slice());
  }

  page() {
    const s = this.storage;
    const reading = (run) => (...values) => {
      try {
        return run(...values);
      } catch (error) {
        if (error.message === 'the page is gone') throw error;
        this.log.push(error.message);
        return -1;
      }
    };
    return {
      storage_list: (to, room) => {
        const json = new TextEncoder().encode(JSON.stringify(s.list()));
        if (json.length <= room) this.bytes(to, json.length).set(json);
        return json.length;
      },
      storage_open: reading((name, length, create) => s.open(this.text(name, length), create !== 0)),
      storage_read: reading((handle, offset, to, size) => s.read(handle, offset, this.bytes(to, size))),
      storage_write: reading((handle, offset, from, size) => s.write(handle, offset, this.bytes(from, size))),
      storage_size: reading((handle) => s.size(handle)),
      storage_truncate: reading((handle, size) => s.truncate(handle, size)),
      storage_flush: reading((handle) => s.flush(handle)),
      storage_close: reading((handle) => s.close(handle)),
      storage_delete: reading((name, length) => s.delete(this.text(name, length))),
      storage_rename: reading((from, length, to, toLength) => s.rename(this.text(from, length), this.text(to, toLength))),
      storage_free: () => s.free(),
      answer_begin: (id, status, headers, length) => {
        this.answer(id).status = status;
        this.answer(id).headers = Object.fromEntries(JSON.parse(this.text(headers, length)));
      },
      answer_part: (id, bytes, length) => {
        const answer = this.answer(id);
        answer.parts.push(Buffer.from(this.bytes(bytes, length).slice()));
        answer.onPart?.(answer.parts.at(-1).toString());
      },
      answer_end: (id) => {
        this.answer(id).ended = true;
      },
      log: (level, text, length) => this.log.push(this.text(text, length)),
    };
  }
  answer(id) {
    if (!this.answers.has(id)) this.answers.set(id, { status: 0, headers: {}, parts: [], ended: false });
    return this.answers.get(id);
  }

  put(bytes) {
    const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    const at = this.exports.thimble_alloc(Math.max(1, data.length));
    if (at === 0) throw new Error('the module has no memory left');
    this.bytes(at, data.length).set(data);
    return [at, data.length];
  }
  startWith(text) {
    const [at, length] = this.put(text);
    const result = this.exports.thimble_start(at, length);
    this.exports.thimble_free(at);
    return result;
  }

  // A worker with a stack and thread-locals of its own; resolves when it runs.
  spawn(worker, rounds) {
    const stack = this.exports.thimble_alloc(kStackBytes);
    const block = this.exports.thimble_alloc(this.exports.__tls_size.value + 64);
    const data = { module: this.module, memory: this.memory, worker, stackTop: (stack + kStackBytes) & ~15, tls: (block + 63) & ~63, rounds };
    const thread = new Worker(new URL('./compute.mjs', import.meta.url), { workerData: data });
    this.workers.push(thread);
    return new Promise((resolve, reject) => {
      thread.once('message', () => resolve(thread));
      thread.once('error', reject);
    });
  }
  async join() {
    for (let worker = 1; worker < this.threads; ++worker) await this.spawn(worker);
  }
  async close() {
    await Promise.all(this.workers.map((thread) => thread.terminate()));
  }

  // Submits and returns the id; raw texts, for hostile ones.
  submitRaw(head, body = '') {
    const [headAt, headLength] = this.put(head);
    const [bodyAt, bodyLength] = this.put(body);
    const id = this.exports.thimble_submit(headAt, headLength, bodyAt, bodyLength);
    this.exports.thimble_free(headAt);
    this.exports.thimble_free(bodyAt);
    return id;
  }
  submit(method, path, { headers = {}, body = '', query = '' } = {}) {
    const json = typeof body === 'object' && !(body instanceof Uint8Array);
    const all = json ? { 'content-type': 'application/json', ...headers } : headers;
    return this.submitRaw(JSON.stringify({ method, path, query, headers: Object.entries(all) }), json ? JSON.stringify(body) : body);
  }
  // One turn of the worker's loop. Whether there is more at once.
  turn() {
    const more = this.exports.thimble_pump() | this.exports.thimble_help();
    this.highest = Math.max(this.highest, this.memory.buffer.byteLength);
    return more !== 0;
  }
  // Works until `isOver` says so, at most so many seconds.
  async until(isOver, seconds = 120) {
    const end = performance.now() + 1000 * seconds;
    while (!isOver()) {
      if (performance.now() > end) throw new Error('it takes too long');
      if (!this.turn()) await new Promise((resolve) => setTimeout(resolve, Math.min(5, 1000 * this.exports.thimble_due())));
    }
  }
  async request(method, path, options = {}) {
    const id = this.submit(method, path, options);
    const answer = this.answer(id);
    answer.onPart = options.onPart;
    await this.until(() => answer.ended, options.seconds);
    const text = Buffer.concat(answer.parts).toString();
    return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) };
  }

  // Sends a file of a model in pieces of the given sizes, the last one for what is left. The last answer.
  async send(model, file, bytes, { pieces = [16 << 20], sha256, from = 0, to = bytes.length } = {}) {
    let answer;
    let next = 0;
    for (let begin = from; begin < to; ) {
      const end = Math.min(to, begin + pieces[Math.min(next++, pieces.length - 1)]);
      const headers = { 'content-type': 'application/octet-stream', 'content-range': `bytes ${begin}-${end - 1}/${bytes.length}` };
      if (sha256 !== undefined) headers['x-thimble-sha256'] = sha256;
      answer = await this.request('PUT', `/thimble/v1/models/${model}/${file}`, { headers, body: bytes.subarray(begin, end) });
      if (answer.status >= 300) return answer;
      begin = end;
    }
    return answer;
  }
  async open(model) {
    const answer = await this.request('POST', `/thimble/v1/models/${model}/open`, { body: {} });
    if (answer.status !== 202) throw new Error(answer.text);
    // The next turn opens it, or says why not.
    this.turn();
    const info = (await this.request('GET', '/thimble/v1/info')).json();
    if (!info.model.open || info.model.name !== model) throw new Error(info.model.failure ?? JSON.stringify(info.model));
    return info;
  }
}
