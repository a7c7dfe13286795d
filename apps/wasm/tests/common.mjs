// SPDX-License-Identifier: Apache-2.0
// What the tests share. THIMBLE_MODULE: the module under test; THIMBLE_FIXTURES: the fixtures' folder; THIMBLE_NATIVE: the
// native command, whose answers the module's are compared with (left out where there is none).
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Engine, hasThreads } from './host.mjs';
import { MemoryStorage } from './storage.mjs';

export const wasm = process.env.THIMBLE_MODULE;
export const fixtures = process.env.THIMBLE_FIXTURES;
export const native = process.env.THIMBLE_NATIVE && fs.existsSync(process.env.THIMBLE_NATIVE) ? process.env.THIMBLE_NATIVE : undefined;
export const threaded = hasThreads(new WebAssembly.Module(fs.readFileSync(wasm)));
export const isRelaxed = path.basename(wasm).includes('relaxed');

export const fixture = (name) => fs.readFileSync(path.join(fixtures, 'gguf', name));
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

// Runs `test` with an engine that is ended in any case.
export async function withEngine(options, test) {
  const engine = await Engine.start({ wasm, storage: new MemoryStorage(), ...options });
  try {
    return await test(engine);
  } finally {
    await engine.close();
  }
}

// A storage with the model as a pack, its vision file beside it where one is given.
export async function storageWith(name, file, visionFile) {
  const storage = new MemoryStorage();
  await withEngine({ storage }, async (engine) => {
    if (visionFile !== undefined) await engine.send(name, visionFile, fixture(visionFile));
    const answer = await engine.send(name, file, fixture(file));
    if (!answer.json().model) throw new Error(answer.text);
  });
  return storage.reopened();
}

export const chat = (model, content, more = {}) => ({
  model,
  messages: [{ role: 'user', content }],
  temperature: 0,
  max_tokens: 24,
  logprobs: true,
  reasoning_effort: 'none',
  ...more,
});

// The native answer to the same, with the kernels that are the definition of all others.
export function nativeReply(file, prompt, more = []) {
  const args = ['run', path.join(fixtures, 'gguf', file), '--temperature', '0', '-n', '24', '--think', 'off', '--json', '--threads', '1', ...more, prompt];
  return JSON.parse(execFileSync(native, args, { env: { ...process.env, THIMBLE_ISA: 'scalar' }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
}

// A BMP of 24 bits, rows from the bottom, from rgb(x, y).
export function bmp(width, height, rgb) {
  const rowBytes = Math.ceil((3 * width) / 4) * 4;
  const bytes = Buffer.alloc(54 + rowBytes * height);
  bytes.write('BM');
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  for (let y = 0; y < height; ++y)
    for (let x = 0; x < width; ++x) {
      const [r, g, b] = rgb(x, y);
      bytes.set([b, g, r], 54 + (height - 1 - y) * rowBytes + 3 * x);
    }
  return bytes;
}
