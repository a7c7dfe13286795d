// SPDX-License-Identifier: Apache-2.0
// Firefox over WebDriver BiDi, as much of it as the tests need. Debian has no geckodriver; Firefox itself answers on the
// port of --remote-debugging-port.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { end, start, temporaryFolder, until } from '../real/real.mjs';

// Nothing of its own goes out, and nothing asks.
const kPreferences = {
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'browser.aboutwelcome.enabled': false,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'browser.sessionstore.resume_from_crash': false,
  'services.settings.server': 'data:,none',
  'browser.safebrowsing.update.enabled': false,
};

export class Firefox {
  #socket;
  #next = 1;
  #waiting = new Map();
  #context = '';
  faults = []; // errors that the page logged

  static async start() {
    const browser = new Firefox();
    const profile = temporaryFolder('firefox');
    const lines = Object.entries(kPreferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
    writeFileSync(join(profile, 'user.js'), lines.join('\n'));
    const program = process.env['FIREFOX'] ?? '/usr/lib/firefox-esr/firefox-esr';
    const child = start(program, ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank'], { env: { ...process.env, HOME: profile } });
    const [, address] = await until(`Firefox to answer: ${child.log}`, () => /WebDriver BiDi listening on (ws:\S+)/.exec(child.log), 60);
    browser.close = () => end(child);
    await browser.#connect(`${address}/session`);
    await browser.#send('session.new', { capabilities: {} });
    await browser.#send('session.subscribe', { events: ['log.entryAdded'] });
    const { contexts } = await browser.#send('browsingContext.getTree', {});
    browser.#context = contexts[0].context;
    return browser;
  }

  async #connect(address) {
    this.#socket = new WebSocket(address);
    await new Promise((done, fail) => {
      this.#socket.addEventListener('open', done);
      this.#socket.addEventListener('error', fail);
    });
    this.#socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      if (message.method === 'log.entryAdded' && message.params.level === 'error' && !message.params.text.startsWith('ResizeObserver')) this.faults.push(message.params.text);
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    });
  }

  async #send(method, params) {
    const id = this.#next++;
    const answer = await new Promise((done) => {
      this.#waiting.set(id, done);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
    if (answer.type === 'error') throw new Error(`${method}: ${answer.error}: ${answer.message}`);
    return answer.result;
  }

  // A function's source that runs in every page before the page's own scripts.
  async before(source) {
    await this.#send('script.addPreloadScript', { functionDeclaration: source });
  }

  async open(url) {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  async reload() {
    await this.#send('browsingContext.reload', { context: this.#context, wait: 'complete' });
  }

  // What an expression gives, over JSON.
  async ask(expression) {
    const { result, exceptionDetails } = await this.#send('script.evaluate', {
      expression: `JSON.stringify(${expression})`, target: { context: this.#context }, awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.text}`);
    return result.type === 'string' ? JSON.parse(result.value) : undefined;
  }

  async #find(selector) {
    const { nodes } = await this.#send('browsingContext.locateNodes', { context: this.#context, locator: { type: 'css', value: selector }, maxNodeCount: 1 });
    if (nodes.length === 0) throw new Error(`there is no ${selector}`);
    return { sharedId: nodes[0].sharedId };
  }

  async click(selector) {
    const element = await this.#find(selector);
    await this.#send('input.performActions', {
      context: this.#context,
      actions: [{
        type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' },
        actions: [{ type: 'pointerMove', x: 0, y: 0, origin: { type: 'element', element } }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }],
      }],
    });
  }

  async type(selector, text) {
    await this.click(selector);
    await this.#send('input.performActions', {
      context: this.#context,
      actions: [{ type: 'key', id: 'keyboard', actions: [...text].flatMap((value) => [{ type: 'keyDown', value }, { type: 'keyUp', value }]) }],
    });
  }

  async choose(selector, ...paths) {
    await this.#send('input.setFiles', { context: this.#context, element: await this.#find(selector), files: paths });
  }
}
