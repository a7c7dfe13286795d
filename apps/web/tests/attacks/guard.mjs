// SPDX-License-Identifier: Apache-2.0
// A page that is watched: whatever runs, leaves, breaks the content policy or throws is kept, and `clean` fails for it.
import { createServer } from 'node:net';
import { check } from '../real/real.mjs';
import { startChromium } from '../real/chromium.mjs';

// Where everything that is not this server would go, so that also what no request log shows is seen (a name that is looked
// up before, a ping, a worker).
async function startSink(seen) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      if (/evil|bank|stolen|secret/.test(data.toString('latin1'))) seen.push(data.toString('latin1').slice(0, 200));
      socket.destroy();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

// Runs before the page's own scripts, in every frame.
function listen() {
  const kept = (window.attack = { hits: [], reports: [] });
  for (const name of ['hit', 'alert', 'confirm', 'prompt', 'print', 'open']) window[name] = (...given) => kept.hits.push(`${name}(${given.join(', ')})`);
  document.addEventListener('securitypolicyviolation', (event) => kept.reports.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`));
}

export async function startGuarded(service) {
  const sunk = [];
  const sink = await startSink(sunk);
  const browser = await startChromium(`--host-resolver-rules=MAP * 127.0.0.1:${sink.address().port}, EXCLUDE 127.0.0.1`);
  return {
    open: async (options = {}) => GuardedPage.open(await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options }), service, sunk),
    close: async () => {
      await browser.close();
      sink.close();
    },
  };
}

class GuardedPage {
  faults = [];

  static async open(context, service, sunk) {
    const guarded = new GuardedPage();
    guarded.context = context;
    guarded.service = service;
    guarded.sunk = sunk;
    await context.addInitScript(listen);
    const { faults } = guarded;
    context.on('request', (request) => {
      if (!request.url().startsWith(`${service.url}/`) && !/^(blob|data):/.test(request.url())) faults.push(`left: ${request.method()} ${request.url().slice(0, 200)}`);
    });
    context.on('page', (other) => other !== guarded.page && guarded.page && faults.push(`another window: ${other.url()}`));
    const page = (guarded.page = await context.newPage());
    page.on('dialog', (dialog) => {
      faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => faults.push(`threw: ${error.message} ${error.stack?.split('\n')[1] ?? ''}`));
    page.on('crash', () => faults.push('the page crashed'));
    // The browser tells of every answer of 400 and more; the page tells the person.
    page.on('console', (message) => message.type() === 'error' && !/^Failed to load resource: the server responded/.test(message.text()) && faults.push(`console: ${message.text().slice(0, 300)}`));
    page.on('download', () => faults.push('a download'));
    await page.goto(service.address);
    await page.getByTestId('composer').waitFor();
    await page.locator('.dot[data-state=ready]').first().waitFor();
    return guarded;
  }

  async show(id) {
    await this.page.goto(`${this.service.url}/#/chat/${id}`);
    await this.page.locator(`[data-testid=chat-item][data-id="${id}"].on, [data-testid=message]`).first().waitFor();
  }

  // Nothing ran, nothing left, nothing was reported, and what is shown is made of what may be there.
  async clean(what) {
    const found = await this.page.evaluate(lookOver);
    const faults = [...this.faults.splice(0), ...this.sunk.splice(0).map((data) => `reached evil.test: ${data}`), ...found];
    check(this.page.url().startsWith(`${this.service.url}/`), `${what}: the page is now ${this.page.url()}`);
    check(faults.length === 0, `${what}: ${faults.slice(0, 8).join('\n')}`);
  }

  // A key still does what it does, within so many seconds.
  async usable(what, seconds = 5) {
    const area = this.page.getByTestId('composer');
    await area.fill('', { timeout: seconds * 1000 });
    await area.press('k', { timeout: seconds * 1000 });
    check((await area.inputValue()) === 'k', `${what}: the page takes no key`);
    await area.fill('');
  }
}

// In the page: what is wrong with it.
function lookOver() {
  const faults = [...window.attack.hits.splice(0).map((hit) => `ran: ${hit}`), ...window.attack.reports.splice(0).map((report) => `report: ${report}`)];
  for (const name of ['polluted', 'hit', 'isAdmin', 'x']) if (name in {}) faults.push(`Object.prototype has ${name}`);
  for (const element of document.querySelectorAll('script, iframe, frame, object, embed, base, meta[http-equiv], link, style')) {
    if (element.localName === 'link' || element.localName === 'script') {
      const address = element.href || element.src;
      if (address && !address.startsWith(`${location.origin}/`)) faults.push(`${element.localName} of ${address}`);
      if (element.localName === 'script' && !element.src) faults.push('a script without an address');
    } else faults.push(`an element ${element.localName}`);
  }
  for (const element of document.querySelectorAll('body *')) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name) || name === 'srcdoc' || name === 'ping') faults.push(`${element.localName} has ${name}`);
      if (/^(href|src|srcset|action|formaction|data|poster|background|xlink:href)$/.test(name) && /^\s*(javascript|vbscript|data):/i.test(value) && element.localName !== 'img') faults.push(`${element.localName} ${name}=${value.slice(0, 80)}`);
    }
  }
  for (const element of document.querySelectorAll('.markdown :is(img, svg, video, audio, form, textarea, select, picture, source, template, details), .markdown [id], .markdown [style]:not(math *):not(math)')) {
    if (!element.closest('.code-copy')) faults.push(`an answer has ${element.localName} ${element.getAttribute('style') ?? ''}`);
  }
  for (const link of document.querySelectorAll('.markdown a')) {
    const url = new URL(link.href);
    const place = url.protocol === 'mailto:' ? url.pathname : url.host;
    const range = document.createRange();
    const walker = document.createTreeWalker(link, NodeFilter.SHOW_TEXT);
    let node = null;
    let at = -1;
    while (walker.nextNode()) {
      const found = walker.currentNode.data.lastIndexOf(place);
      if (found >= 0) [node, at] = [walker.currentNode, found];
    }
    if (!/^(https?|mailto):$/.test(url.protocol)) faults.push(`a link to ${link.href}`);
    if (!link.relList.contains('noopener') || !link.relList.contains('noreferrer')) faults.push(`a link without noopener: ${link.href}`);
    if (!node) {
      faults.push(`a link to ${link.href.slice(0, 80)} shows only ${link.textContent.slice(0, 80)}`);
      continue;
    }
    // From left to right, whatever stands before it.
    let before = null;
    for (let i = 0; i < Math.min(place.length, 40); i++) {
      range.setStart(node, at + i);
      range.setEnd(node, at + i + 1);
      const box = range.getBoundingClientRect();
      if (before && box.top === before.top && box.left < before.left) {
        faults.push(`a link to ${link.href.slice(0, 80)} reads backwards`);
        break;
      }
      before = box;
    }
  }
  return faults;
}
