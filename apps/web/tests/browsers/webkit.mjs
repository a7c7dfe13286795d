// SPDX-License-Identifier: Apache-2.0
// WebKitGTK's MiniBrowser under Xvfb over WebDriver (webkit2gtk-driver), as much of it as the tests need.
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { end, start, temporaryFolder, until } from '../real/real.mjs';

const kElement = 'element-6066-11e4-a52e-4f735466cecf';
const kBrowsers = ['x86_64', 'aarch64'].map((kind) => `/usr/lib/${kind}-linux-gnu/webkit2gtk-4.1/MiniBrowser`);

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

async function startDisplay() {
  const child = start('Xvfb', ['-displayfd', '1', '-screen', '0', '1280x900x24', '-nolisten', 'tcp']);
  let number = '';
  child.stdout.on('data', (data) => (number += data));
  await until('a display', () => number.includes('\n') || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`Xvfb: ${child.log}`);
  return { child, name: `:${number.trim()}` };
}

export class WebKit {
  #session = '';
  faults = []; // of what happened before the page listens, nothing is known

  static async start() {
    const browser = new WebKit();
    const display = await startDisplay();
    const home = temporaryFolder('webkit');
    const port = await freePort();
    const env = {
      ...process.env, DISPLAY: display.name, HOME: home, XDG_DATA_HOME: `${home}/data`, XDG_CACHE_HOME: `${home}/cache`, XDG_CONFIG_HOME: `${home}/config`,
      LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1',
      ...(process.getuid?.() === 0 ? { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' } : {}),
    };
    const driver = start('WebKitWebDriver', [`--port=${port}`, '--host=127.0.0.1'], { env });
    const base = `http://127.0.0.1:${port}`;
    await until('WebKitWebDriver to answer', () => fetch(`${base}/status`).then(() => true, () => driver.exitCode !== null));
    const binary = process.env['MINIBROWSER'] ?? kBrowsers.find((path) => existsSync(path));
    const made = await browser.#send('POST', `${base}/session`, {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } } },
    });
    browser.#session = `${base}/session/${made.sessionId}`;
    browser.close = async () => {
      await browser.#send('DELETE', browser.#session).catch(() => undefined);
      await end(driver);
      await end(display.child);
    };
    return browser;
  }

  async #send(method, url, body) {
    const answer = await fetch(url, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname}: ${value.error}: ${value.message}`);
    return value;
  }

  // WebDriver has no scripts that run before the page's own.
  async before() {}

  async open(url) {
    await this.#send('POST', `${this.#session}/url`, { url });
  }

  async reload() {
    await this.#send('POST', `${this.#session}/refresh`, {});
  }

  // What an expression gives, over JSON.
  async ask(expression) {
    const text = await this.#send('POST', `${this.#session}/execute/async`, {
      script: `const done = arguments[0]; Promise.resolve(${expression}).then((value) => done(JSON.stringify(value) ?? null), (error) => done(JSON.stringify({ threw: String(error) })));`, args: [],
    });
    return text === null ? undefined : JSON.parse(text);
  }

  async #find(selector) {
    const found = await this.#send('POST', `${this.#session}/element`, { using: 'css selector', value: selector });
    return `${this.#session}/element/${found[kElement]}`;
  }

  async click(selector) {
    await this.#send('POST', `${await this.#find(selector)}/click`, {});
  }

  async type(selector, text) {
    await this.#send('POST', `${await this.#find(selector)}/value`, { text });
  }

  async choose(selector, ...paths) {
    await this.#send('POST', `${await this.#find(selector)}/value`, { text: paths.join('\n') });
  }
}
