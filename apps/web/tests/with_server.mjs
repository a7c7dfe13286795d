// SPDX-License-Identifier: Apache-2.0
// Runs the scenarios against the real service: two scripted servers (tests/server/scripted_server.cc), one with a model
// that sees and one without, each with a home of its own.
//
//   node tests/with_server.mjs SCRIPTED_SERVER SEEING_MODEL BLIND_MODEL [options of playwright test]
//
// Servers that have no page inside get one in front (tests/mock_server --upstream). server.spec.ts starts more of them,
// and `thimble serve`, with the page inside (tests/e2e/own_server.ts).
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const [program, seeing, blind, ...options] = process.argv.slice(2);
const folder = import.meta.dirname;
const running = [];
const homes = [];

function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  return new Promise((ready, reject) => {
    child.once('exit', (status) => reject(new Error(`${command} ended with ${status}`)));
    createInterface({ input: child.stdout }).once('line', (line) => ready(JSON.parse(line)));
  });
}

async function serve(model) {
  const home = mkdtempSync(join(tmpdir(), 'thimble-page-'));
  homes.push(home);
  const { url, token } = await start(program, [model, join(folder, 'e2e/script.json'), '--home', home, '--context', '4096']);
  const page = await fetch(url);
  if (page.status === 200 && (await page.text()).includes('id="app"')) return { url, token };
  const front = await start(process.execPath, [join(folder, 'mock_server/server.mjs'), '--upstream', url]);
  return { url: front.url, token };
}

let status;
try {
  const [one, two] = [await serve(seeing), await serve(blind)];
  const child = spawn(process.execPath, [join(folder, '../node_modules/@playwright/test/cli.js'), 'test', ...options], {
    stdio: 'inherit',
    cwd: join(folder, '..'),
    env: {
      ...process.env, THIMBLE_URL: one.url, THIMBLE_TOKEN: one.token, THIMBLE_BLIND_URL: two.url, THIMBLE_BLIND_TOKEN: two.token,
      THIMBLE_SCRIPTED_SERVER: resolve(program), THIMBLE_SEEING_MODEL: resolve(seeing), THIMBLE_BLIND_MODEL: resolve(blind),
    },
  });
  status = await new Promise((ended) => child.once('exit', ended));
} finally {
  for (const child of running) child.kill();
  for (const home of homes) rmSync(home, { recursive: true, force: true });
}
process.exit(status ?? 1);
