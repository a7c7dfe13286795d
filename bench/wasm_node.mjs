#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How fast a module of the page is in Node: a model's import, opening it from its pack, reading a prompt, writing, memory.
//   node bench/wasm_node.mjs MODULE.wasm MODEL.gguf [--vision MMPROJ.gguf] [--threads 2] [--prompt 256] [--decode 32] [--runs 3]
//                            [--context 4096] [--memory BYTES] [--store FOLDER] [--picked] [--picture SIDE] [--json]
// The pack is made in FOLDER (a temporary one) where it is not there yet. --picked: the file is opened in place instead.
// --memory: what the memory may grow to. --picture: a picture of SIDE x SIDE is read, too. The best of the runs counts.
import { webcrypto } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../apps/wasm/tests/host.mjs';
import { FolderStorage } from '../apps/wasm/tests/storage.mjs';

const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { vision: text, threads: text, prompt: text, decode: text, runs: text, context: text, memory: text, store: text, picture: text, kv: text, picked: { type: 'boolean' }, json: { type: 'boolean' } },
});
const [wasm, model] = positionals;
if (wasm === undefined || model === undefined) {
  console.error('usage: node bench/wasm_node.mjs MODULE.wasm MODEL.gguf [--threads N] [--json]; see its first lines');
  process.exit(2);
}
const number = (name, otherwise) => (values[name] === undefined ? otherwise : Number(values[name]));
const threads = number('threads', 1);
const store = values.store ?? fs.mkdtempSync(path.join(os.tmpdir(), 'thimble-wasm-'));
const log = [];
const start = (storage) =>
  Engine.start({ wasm, storage, threads, memoryBytes: number('memory', 0), log, config: { context: number('context', 4096), kv: values.kv ?? 'f16' } });
const kName = 'bench';

// Pieces as a page sends them, without the whole file in memory.
async function sendFile(engine, file) {
  const handle = fs.openSync(file);
  const total = fs.fstatSync(handle).size;
  const piece = Buffer.alloc(16 << 20);
  let answer;
  for (let begin = 0; begin < total; ) {
    const count = fs.readSync(handle, piece, 0, piece.length, begin);
    const headers = { 'content-type': 'application/octet-stream', 'content-range': `bytes ${begin}-${begin + count - 1}/${total}` };
    answer = await engine.request('PUT', `/thimble/v1/models/${kName}/${path.basename(file)}`, { headers, body: piece.subarray(0, count), seconds: 600 });
    if (answer.status !== 200) throw new Error(answer.text);
    begin += count;
  }
  fs.closeSync(handle);
  return answer.json();
}

async function importModel(found) {
  const engine = await start(new FolderStorage(store));
  const begin = performance.now();
  if (values.vision !== undefined) await sendFile(engine, values.vision);
  if (!(await sendFile(engine, model)).model) throw new Error('this is no model by itself');
  found.import_seconds = (performance.now() - begin) / 1000;
  found.import_bytes = engine.highest;
  await engine.close();
}

async function timed(engine, prompt, decode) {
  const body = { model: engine.model, prompt, max_tokens: decode, temperature: 0, ignore_eos: true };
  const answer = await engine.request('POST', '/v1/completions', { body, seconds: 600 });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.json().timings;
}

async function readPicture(engine, side) {
  const rgb = new Uint8Array(3 * side * side);
  for (let at = 0; at < rgb.length; at += 65536) webcrypto.getRandomValues(rgb.subarray(at, Math.min(rgb.length, at + 65536)));
  const type = `application/x-thimble-rgb; width=${side}; height=${side}`;
  const put = await engine.request('PUT', '/thimble/v1/pictures', { headers: { 'content-type': type }, body: rgb });
  const { id } = put.json();
  const begin = performance.now();
  const content = [{ type: 'image_url', image_url: { url: `thimble:${id}` } }, { type: 'text', text: 'What is it?' }];
  const answer = await engine.request('POST', '/v1/chat/completions', { body: { model: engine.model, messages: [{ role: 'user', content }], max_tokens: 1 }, seconds: 600 });
  if (answer.status !== 200) throw new Error(answer.text);
  return { seconds: (performance.now() - begin) / 1000, tokens: answer.json().usage.prompt_tokens };
}

const found = { module: path.basename(wasm), model: path.basename(model), threads };
if (!values.picked && !fs.existsSync(path.join(store, encodeURIComponent(`${kName}/model.pack`)))) await importModel(found);
const storage = new FolderStorage(store);
if (values.picked) for (const file of [model, values.vision]) if (file !== undefined) storage.pick(file);
const engine = await start(storage);
engine.model = values.picked ? path.basename(model) : kName;
let begin = performance.now();
const info = await engine.open(engine.model);
found.open_seconds = (performance.now() - begin) / 1000;
found.open_bytes = engine.memory.buffer.byteLength;
found.isa = info.model.instructions;
const ids = (seed, count) => Array.from({ length: count }, (_, i) => 100 + ((seed * 7919 + i * 37) % 20000));
for (let run = 0; run < number('runs', 3); ++run) {
  const timings = await timed(engine, ids(run, number('prompt', 256)), number('decode', 32));
  found.prompt_tokens_per_second = Math.max(found.prompt_tokens_per_second ?? 0, timings.prompt_per_second);
  found.tokens_per_second = Math.max(found.tokens_per_second ?? 0, timings.predicted_per_second);
}
if (values.picture !== undefined) found.picture = await readPicture(engine, Number(values.picture));
found.peak_bytes = engine.highest;
found.log = log;
await engine.close();
if (values.store === undefined) fs.rmSync(store, { recursive: true });
if (values.json) console.log(JSON.stringify(found));
else for (const [key, value] of Object.entries(found)) console.log(`${key}: ${typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : JSON.stringify(value)}`);
