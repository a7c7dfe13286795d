// SPDX-License-Identifier: Apache-2.0
// The first chat in the two other engines that Debian has: WebKitGTK (webkit2gtk-driver) over WebDriver, Firefox ESR over
// WebDriver BiDi. Runs itself under xvfb-run where there is no display.
//   node tests/engines.mjs [webkit] [firefox]
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

if (!process.env.DISPLAY) {
  process.exit(spawnSync('xvfb-run', ['-a', process.execPath, ...process.argv.slice(1)], { stdio: 'inherit' }).status ?? 1);
}
const folder = import.meta.dirname;
const running = [];
const start = (command, args, options = {}) => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], ...options });
  running.push(child);
  return child;
};

// Both give {go(url), run(script)}: the script is a function's body.
async function webkit() {
  const port = 18200 + (process.pid % 700);
  start('WebKitWebDriver', [`--port=${port}`]);
  const ask = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
    const { value } = await answer.json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  for (let tries = 0; ; tries++) {
    try {
      await ask('GET', '/status');
      break;
    } catch (error) {
      if (tries > 100) throw error;
      await sleep(100);
    }
  }
  const browserOptions = { 'webkitgtk:browserOptions': { binary: '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser', args: ['--automation'] } };
  const { sessionId } = await ask('POST', '/session', { capabilities: { alwaysMatch: browserOptions } });
  const session = `/session/${sessionId}`;
  return {
    go: (url) => ask('POST', `${session}/url`, { url }),
    run: (script) => ask('POST', `${session}/execute/sync`, { script, args: [] }),
    end: () => ask('DELETE', session),
  };
}

async function firefox() {
  const profile = mkdtempSync(join(tmpdir(), 'thimble-firefox-'));
  const port = 19000 + (process.pid % 700);
  const child = spawn('firefox-esr', ['--headless', '--no-remote', '--profile', profile, `--remote-debugging-port=${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  running.push(child);
  await new Promise((resolve) => createInterface({ input: child.stderr }).on('line', (line) => /WebDriver BiDi listening/.test(line) && resolve()));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/session`);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map();
  let last = 0;
  socket.onmessage = ({ data }) => {
    const { id, result, error, message } = JSON.parse(data);
    const { resolve, reject } = waiting.get(id) ?? {};
    if (error) reject?.(new Error(`${error}: ${message}`));
    else resolve?.(result);
  };
  const ask = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      socket.send(JSON.stringify({ id: last, method, params }));
    });
  await ask('session.new', { capabilities: {} });
  const { contexts } = await ask('browsingContext.getTree', {});
  const { context } = contexts[0];
  return {
    go: (url) => ask('browsingContext.navigate', { context, url, wait: 'complete' }),
    run: async (script) => {
      const { result, exceptionDetails } = await ask('script.evaluate', { expression: `(() => {${script}})()`, target: { context }, awaitPromise: true });
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return result?.value;
    },
    end: async () => {
      await ask('session.end', {}).catch(() => undefined);
      child.kill();
      await new Promise((resolve) => child.once('exit', resolve));
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

async function until(browser, script, what) {
  for (let tries = 0; tries < 300; tries++) {
    if (await browser.run(script)) return;
    await sleep(100);
  }
  throw new Error(`it never came: ${what}`);
}

async function firstChat(browser, { url, token }) {
  await browser.go(`${url}/?lang=en#token=${token}`);
  await until(browser, "return document.querySelector('.dot[data-state=ready]') !== null", 'the connection');
  await browser.run(`window.reports = []; document.addEventListener('securitypolicyviolation', (event) => window.reports.push(event.violatedDirective + ' ' + event.blockedURI));
    const area = document.querySelector('[data-testid=composer]'); area.value = 'Show me code'; area.dispatchEvent(new Event('input', { bubbles: true })); return true`);
  await until(browser, "return !document.querySelector('[data-testid=send]').disabled", 'a button that sends');
  await browser.run("document.querySelector('[data-testid=send]').click(); return true");
  await until(browser, "return document.querySelector('[data-role=assistant][data-state=done]') !== null", 'the answer');
  await until(browser, "return document.querySelector('.hl-keyword')?.textContent === 'def'", 'coloured code');
  await until(browser, "return document.querySelector('math mfrac') !== null", 'the formula');
  await until(browser, "return document.querySelectorAll('[data-testid=chat-item]').length === 1", 'the list');
  const tokens = await browser.run("return Number(document.querySelector('[data-testid=meter]').dataset.tokens)");
  if (!(tokens > 10)) throw new Error(`the meter says ${tokens} tokens`);
  const reports = await browser.run("return window.reports.join('; ')");
  if (reports !== '') throw new Error(`the content policy was broken: ${reports}`);
}

const wanted = process.argv.slice(2);
let failures = 0;
for (const [name, open] of [['webkit', webkit], ['firefox', firefox]]) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  let browser;
  try {
    const mock = start(process.execPath, [join(folder, 'mock_server/server.mjs'), '--script', join(folder, 'e2e/script.json')]);
    const service = JSON.parse(await new Promise((resolve) => createInterface({ input: mock.stdout }).once('line', resolve)));
    browser = await open();
    await firstChat(browser, service);
    console.log(`${name}: a first chat, with code and a formula`);
  } catch (error) {
    failures++;
    console.error(`${name}: ${error.message}`);
  }
  await browser?.end().catch(() => undefined);
}
for (const child of running) child.kill();
process.exit(failures > 0 ? 1 : 0);
