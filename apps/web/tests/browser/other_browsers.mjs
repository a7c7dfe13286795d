// SPDX-License-Identifier: Apache-2.0
// The engine's modules in Firefox ESR and WebKitGTK: what each allows. Firefox keeps a model and opens it again after a
// reload; WebKitGTK has no files for workers, so it reads the chosen one in place. The pixels of pictures are compared with
// the decoders' (build/tests/decoded_pixels, or THIMBLE_DECODED_PIXELS).
//   node other_browsers.mjs [--wasm build/wasm] [--fixtures build/fixtures] [--only firefox|webkit]
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Firefox } from '../browsers/firefox.mjs';
import { WebKit } from '../browsers/webkit.mjs';
import { check, main, readArguments, start, Steps, temporaryFolder, until } from '../real/real.mjs';
import { judgeHalved, judgePictures, kMostInHalved, makePictureCases } from './picture_cases.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const kFiles = '[data-testid=files]';

function buildPage() {
  const folder = temporaryFolder('page');
  const vite = join(here, '../../node_modules/vite/bin/vite.js');
  execFileSync(process.execPath, [vite, 'build', '--logLevel', 'error', '-c', join(here, 'vite.config.ts')], { env: { ...process.env, THIMBLE_TEST_PAGE: folder } });
  return folder;
}

async function serve(page, wasm) {
  const child = start(process.execPath, [join(here, 'static_server.mjs'), '--page', page, '--wasm', wasm]);
  const line = await new Promise((done) => createInterface({ input: child.stdout }).once('line', done));
  return JSON.parse(line).url;
}

async function seePictures(browser, name, fixtures) {
  const folder = temporaryFolder('pictures');
  await makePictureCases(folder, fixtures);
  await browser.choose(kFiles, ...readdirSync(folder).map((file) => join(folder, file)));
  const compare = async (most) => {
    await browser.ask(`((window.told = null), window.thimble.comparePixels(${most}).then((told) => (window.told = told)), true)`);
    return until('the pictures', () => browser.ask('window.told'), 60);
  };
  const wrong = [...judgePictures(await compare(''), name), ...judgeHalved(await compare(kMostInHalved), name)];
  check(wrong.length === 0, wrong.join('\n'));
}

async function visit(browser, url, fixtures, steps, wanted) {
  const state = () => browser.ask('window.thimble ? window.thimble.engine.link.state : {}');
  const call = async (name, ...given) => {
    // Not every browser's ask() waits for promises.
    const work = `window.thimble.${name}(${given.map((value) => JSON.stringify(value)).join(', ')})`;
    await browser.ask(`((window.told = null), ${work}.then((told) => (window.told = told)), true)`);
    const told = await until(name, () => browser.ask('window.told'), 60);
    check(!told.fault, `${name}: ${JSON.stringify(told.fault)}`);
    return told.value;
  };
  const ready = async () => {
    await until('the engine', async () => ['ready', 'failed'].includes((await state()).state), 60);
    const found = await state();
    check(found.state === 'ready', JSON.stringify([found, await browser.ask('window.thimble.engine.link.lines')]));
    return found.facts;
  };
  await steps.run('the engine starts', async () => {
    await browser.open(url);
    const facts = await ready();
    for (const [key, value] of Object.entries(wanted)) check(facts[key] === value, `${key}: ${JSON.stringify(facts)}`);
  });
  const chat = async () => check((await call('chat', 'Hello')).usage.completion_tokens > 0, 'no answer');
  const model = join(fixtures, 'gguf/text-tied-q8_0.gguf');
  await browser.choose(kFiles, model);
  if (wanted.storage === 'kept') {
    await steps.run('a model is imported and answers', async () => {
      await call('importFiles', 'words');
      await call('open', 'words');
      await chat();
    });
    await steps.run('it is there after a reload', async () => {
      await browser.reload();
      await ready();
      await call('open', 'words');
      await chat();
    });
  } else {
    await steps.run('a chosen file answers in place', async () => {
      await browser.ask('window.thimble.engine.pick(window.thimble.files()) ?? true');
      await call('open', 'text-tied-q8_0.gguf');
      await chat();
    });
  }
  check(browser.faults.length === 0, JSON.stringify(browser.faults));
}

main(async () => {
  const build = fileURLToPath(new URL('../../../../build', import.meta.url));
  const values = readArguments({ only: '', wasm: join(build, 'wasm') });
  const page = buildPage();
  const kinds = {
    firefox: [Firefox, { variant: 'relaxed-threads', storage: 'kept' }],
    webkit: [WebKit, { variant: 'simd', storage: 'picked' }],
  };
  for (const [name, [kind, wanted]] of Object.entries(kinds)) {
    if (values.only !== '' && values.only !== name) continue;
    const steps = new Steps(name);
    const url = await serve(page, values.wasm);
    const browser = await steps.run('starts', () => kind.start());
    await visit(browser, url, values.fixtures, steps, wanted);
    await steps.run('pictures have the pixels of the decoders', () => seePictures(browser, name, values.fixtures));
    await browser.close();
    steps.end();
  }
});
