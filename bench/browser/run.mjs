#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// How fast the engine is in a page of headless Chromium, and what memory it takes; beside it wllama, where it is given.
//   scripts/build-wasm; node bench/browser/run.mjs MODEL.gguf [--mmproj FILE] [--variants relaxed-threads,simd] [--threads 1,2]
//        [--prompt 256] [--decode 32] [--runs 3] [--picture 512] [--wllama FOLDER] [--json]
// FOLDER: an unpacked package @wllama/wllama (npm pack @wllama/wllama@3.13.0). Peers run in turns, one after another in each
// round, and the medians of all rounds count. Needs apps/web's packages (scripts/build-page), and Chromium (or CHROMIUM).
import { execFileSync } from 'node:child_process';
import { cpSync, createReadStream, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const top = resolve(import.meta.dirname, '../..');
const web = join(top, 'apps/web');
const { chromium } = createRequire(join(web, 'package.json'))('@playwright/test');
const text = { type: 'string' };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { mmproj: text, variants: text, threads: text, prompt: text, decode: text, runs: text, picture: text, wllama: text, modules: text, json: { type: 'boolean' } },
});
const model = positionals[0];
if (!model || !existsSync(model)) {
  console.error('usage: node bench/browser/run.mjs MODEL.gguf [--threads 1,2] [--json]; its first lines tell the rest');
  process.exit(2);
}
const number = (name, otherwise) => Number(values[name] ?? otherwise);
const kPrompt = number('prompt', 256);
const kDecode = number('decode', 32);
const kRuns = number('runs', 3);
const kSide = number('picture', 512);
const threads = (values.threads ?? '1,2').split(',').map(Number);
const variants = (values.variants ?? 'relaxed-threads').split(',');
const say = (line) => values.json || console.log(line);

// A folder to be served: the engine's page, the modules of one variant, wllama's page.
const folder = mkdtempSync(join(tmpdir(), 'thimble-bench-'));
execFileSync(process.execPath, [join(web, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'error', '-c', join(web, 'tests/browser/vite.config.ts')], {
  cwd: web, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, THIMBLE_TEST_PAGE: join(folder, 'page') },
});
const modules = resolve(values.modules ?? join(top, 'build/wasm'));
for (const variant of variants) {
  const there = join(folder, variant);
  cpSync(join(folder, 'page'), there, { recursive: true });
  mkdirSync(join(there, 'wasm'));
  symlinkSync(join(modules, `thimble-${variant}.wasm`), join(there, 'wasm', `thimble-${variant}.wasm`));
}
if (values.wllama) {
  cpSync(join(import.meta.dirname, 'wllama.html'), join(folder, 'wllama/index.html'));
  cpSync(join(values.wllama, 'esm'), join(folder, 'wllama/esm'), { recursive: true });
  symlinkSync(resolve(model), join(folder, 'wllama/model.gguf'));
  if (values.mmproj) symlinkSync(resolve(values.mmproj), join(folder, 'wllama/mmproj.gguf'));
}
const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.wasm': 'application/wasm' };
const server = createServer((request, response) => {
  const file = join(folder, decodeURIComponent(new URL(request.url, 'http://x').pathname).replace(/\/$/, '/index.html'));
  const isThere = !file.includes('..') && existsSync(file) && statSync(file).isFile();
  response.writeHead(isThere ? 200 : 404, {
    'content-type': kTypes[extname(file)] ?? 'application/octet-stream', 'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp', ...(isThere ? { 'content-length': statSync(file).size } : {}),
  });
  if (isThere) createReadStream(file).pipe(response);
  else response.end();
}).listen(0, '127.0.0.1');
await new Promise((ready) => server.once('listening', ready));
const base = `http://localhost:${server.address().port}`;
const kLaunch = { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] };
const browser = await chromium.launch(kLaunch);

const kWords = 'alpha river stone window garden paper metal cloud bridge winter summer candle'.split(' ');
const wordsOf = (run) => Array.from({ length: kPrompt }, (_, i) => kWords[(i * 7 + run * 5) % 12]).join(' ');
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// A page with our engine: the model is imported once, then opened again as a second visit would.
async function startOurs(variant, count) {
  // With a profile on disk: a private window keeps its files elsewhere, and reads them by way of the browser's process.
  const profile = mkdtempSync(join(tmpdir(), 'thimble-bench-profile-'));
  const context = await chromium.launchPersistentContext(profile, kLaunch);
  const page = await context.newPage();
  const address = `${base}/${variant}/?threads=${count}&context=4096`;
  const ready = () => page.waitForFunction(() => JSON.parse(document.querySelector('[data-testid=state]').textContent || '{}').state === 'ready', null, { timeout: 60_000 });
  const told = async (name, ...given) => {
    const answer = await page.evaluate(([key, args]) => window.thimble[key](...args), [name, given]);
    if (answer.fault) throw new Error(`${name}: ${answer.fault.message}`);
    return answer.value;
  };
  await page.goto(address);
  await ready();
  const files = [model, ...(values.mmproj ? [values.mmproj] : [])];
  await page.getByTestId('files').setInputFiles(files);
  const found = { variant, threads: count };
  const begin = performance.now();
  await told('importFiles', 'bench');
  found.import_seconds = (performance.now() - begin) / 1000;
  await page.reload();
  await ready();
  const opening = performance.now();
  await told('open', 'bench');
  found.open_seconds = (performance.now() - opening) / 1000;
  const bytes = async () => /thimble:resident_bytes (\d+)/.exec(await page.evaluate(async () => {
    const answer = await window.thimble.engine.transport.request({ method: 'GET', path: '/metrics' });
    let all = '';
    for await (const part of answer.body()) all += new TextDecoder().decode(part);
    return all;
  }))?.[1];
  found.open_bytes = Number(await bytes());
  const samples = [];
  return {
    found, samples,
    async round(run) {
      const body = { model: 'bench', prompt: wordsOf(run), max_tokens: kDecode, temperature: 0, ignore_eos: true };
      const { timings } = await told('ask', 'POST', '/v1/completions', body);
      samples.push({ prompt: timings.prompt_per_second, decode: timings.predicted_per_second });
    },
    async end() {
      if (values.mmproj) {
        found.picture_seconds = await page.evaluate(async (side) => {
          const canvas = new OffscreenCanvas(side, side);
          canvas.getContext('2d').fillRect(50, 50, 300, 300);
          const file = await canvas.convertToBlob();
          const { transport } = window.thimble.engine;
          const textOf = async (answer) => {
            let all = '';
            for await (const part of answer.body()) all += new TextDecoder().decode(part);
            if (answer.status > 299) throw new Error(all);
            return JSON.parse(all);
          };
          const { id } = await textOf(await transport.request({ method: 'PUT', path: '/thimble/v1/pictures', body: file }));
          const content = [{ type: 'image_url', image_url: { url: `thimble:${id}` } }, { type: 'text', text: 'What is it?' }];
          const begin = performance.now();
          await textOf(await transport.request({ method: 'POST', path: '/v1/chat/completions', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'bench', messages: [{ role: 'user', content }], max_tokens: 1 }) }));
          return (performance.now() - begin) / 1000;
        }, kSide);
      }
      found.peak_bytes = Number(await bytes()); // this memory never shrinks
      await context.close();
      rmSync(profile, { recursive: true, force: true });
      return { ...found, prompt_per_second: median(samples.map(({ prompt }) => prompt)), decode_per_second: median(samples.map(({ decode }) => decode)) };
    },
  };
}

async function startWllama(count) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${base}/wllama/?threads=${count}${values.mmproj ? '&vision' : ''}`);
  await page.waitForFunction(() => window.bench !== undefined);
  const found = { variant: 'wllama', threads: count, ...(await page.evaluate(() => window.bench.load())) };
  const samples = [];
  return {
    async round(run) {
      samples.push(await page.evaluate(([prompt, decode]) => window.bench.round(prompt, decode), [wordsOf(run), kDecode]));
    },
    async end() {
      if (values.mmproj) found.picture_seconds = await page.evaluate((side) => window.bench.picture(side), kSide);
      await context.close();
      return { ...found, prompt_per_second: median(samples.map(({ prompt }) => prompt)), decode_per_second: median(samples.map(({ decode }) => decode)) };
    },
  };
}

const all = [];
try {
  for (const count of threads) {
    const starts = variants.filter((variant) => count === 1 || variant !== 'simd').map((variant) => () => startOurs(variant, count));
    if (values.wllama) starts.push(() => startWllama(count));
    const peers = [];
    for (const start of starts) peers.push(await start());
    for (let run = 0; run < kRuns; run++) for (const peer of peers) await peer.round(run);
    for (const peer of peers) {
      const one = await peer.end();
      all.push(one);
      const bytes = one.peak_bytes ? `, ${(one.open_bytes / 2 ** 20).toFixed(0)} MiB open, ${(one.peak_bytes / 2 ** 20).toFixed(0)} at most` : '';
      const picture = one.picture_seconds ? `, picture of ${kSide} x ${kSide} ${one.picture_seconds.toFixed(2)} s` : '';
      say(`${one.variant}, threads ${one.threads}: prompt ${one.prompt_per_second.toFixed(1)}, decode ${one.decode_per_second.toFixed(1)} tokens/s, opened in ${one.open_seconds.toFixed(2)} s${bytes}${picture}`);
    }
  }
  if (values.json) console.log(JSON.stringify({ prompt: kPrompt, decode: kDecode, runs: kRuns, browser: browser.version(), results: all }));
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
