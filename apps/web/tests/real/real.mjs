// SPDX-License-Identifier: Apache-2.0
// What the tests against the real server share: the server with replies from a script, steps with their times, waiting.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const build = fileURLToPath(new URL('../../../../build', import.meta.url));

// --server PROGRAM --thimble PROGRAM --fixtures FOLDER, or where a build of the repository has them.
export function readArguments(defaults = {}) {
  const values = { server: join(build, 'tests/scripted_server'), thimble: join(build, 'thimble'), fixtures: join(build, 'fixtures'), ...defaults };
  for (let i = 2; i < process.argv.length; i += 2) {
    const name = process.argv[i].replace(/^--/, '');
    if (!(name in values) || process.argv[i + 1] === undefined) throw new Error(`unknown argument ${process.argv[i]}; there are ${Object.keys(values).map((key) => `--${key}`).join(' ')}`);
    values[name] = process.argv[i + 1];
  }
  return values;
}

export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `thimble-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

// A process that ends with this one. What it writes to its error stream is in `log`.
export function start(program, args, options = {}) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.log = '';
  child.stderr.on('data', (data) => (child.log += data));
  child.on('error', (error) => (child.log += error.message));
  process.on('exit', () => child.kill('SIGKILL'));
  return child;
}

export async function end(child, signal = 'SIGTERM') {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await gone;
  clearTimeout(timer);
}

// The service with its page, and the store of an own home; `request` asks as the page does.
export async function startService({ server, fixtures }, script, ...options) {
  const folder = temporaryFolder('service');
  const home = join(folder, 'home');
  mkdirSync(home);
  chmodSync(home, 0o700);
  writeFileSync(join(folder, 'script.json'), JSON.stringify(script));
  const child = start(resolve(server), [join(fixtures, 'models/vl'), join(folder, 'script.json'), '--home', home, ...options]);
  const line = await Promise.race([
    new Promise((done) => createInterface({ input: child.stdout }).once('line', done)),
    new Promise((done) => child.once('exit', done)),
  ]);
  if (typeof line !== 'string') throw new Error(`${server} did not start: ${child.log}`);
  const { url, token, port } = JSON.parse(line);
  const request = async (method, path, body) => {
    const isBytes = body instanceof Uint8Array;
    const answer = await fetch(url + path, {
      method,
      headers: { 'x-thimble-token': token, ...(body === undefined || isBytes ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined || isBytes ? body : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text === '' ? null : JSON.parse(text);
  };
  return { url, token, port, home, address: `${url}/#token=${token}`, request, stop: () => end(child) };
}

export const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Asks until the answer is truthy.
export async function until(what, ask, seconds = 30) {
  const last = Date.now() + seconds * 1000;
  for (;;) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > last) throw new Error(`waited ${seconds} s for: ${what}`);
    await pause(50);
  }
}

export function check(isSo, what) {
  if (!isSo) throw new Error(what);
}

// Runs what it is given step by step and prints their times; the process fails with the first that does.
export class Steps {
  began = performance.now();

  constructor(name) {
    this.name = name;
  }

  async run(what, work) {
    const from = performance.now();
    try {
      const made = await work();
      console.log(`${((performance.now() - from) / 1000).toFixed(1).padStart(6)} s  ${this.name}: ${what}`);
      return made;
    } catch (error) {
      console.error(`failed    ${this.name}: ${what}`);
      throw error;
    }
  }

  end() {
    console.log(`${((performance.now() - this.began) / 1000).toFixed(1).padStart(6)} s  ${this.name}: all`);
  }
}

// The only way out: browsers and servers that are still there go with the process.
export function main(work) {
  work().then(
    () => process.exit(0),
    (error) => {
      console.error(error instanceof Error ? error.stack : error);
      process.exit(1);
    },
  );
}
