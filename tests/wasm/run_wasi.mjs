#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Runs a WASI program: node run_wasi.mjs PROGRAM.wasm [ARGUMENT...]
// The program sees the environment and the whole file system, as a native one would, but no working folder: wasi-libc
// cannot tell two opened folders apart that are both the beginning of every path, so paths are to be absolute.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error('usage: node run_wasi.mjs PROGRAM.wasm [ARGUMENT...]');
  process.exit(2);
}
const wasi = new WASI({
  version: 'preview1',
  args: [program, ...args],
  env: process.env,
  preopens: { '/': '/' },
  returnOnExit: true,
});
const module = await WebAssembly.compile(await readFile(program));
// Node 20 calls these natively ("fast API") from compiled code, and after a long program has grown its memory the caller's
// own frame is damaged: a crash at the very end. Behind a closure the ordinary call is taken.
const imports = wasi.getImportObject();
for (const functions of Object.values(imports)) {
  for (const [name, call] of Object.entries(functions)) functions[name] = (...values) => call(...values);
}
const instance = await WebAssembly.instantiate(module, imports);
process.exit(wasi.start(instance));
