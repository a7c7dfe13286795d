// SPDX-License-Identifier: Apache-2.0
// Pages of other sites, names that point here, and a worker that another program's page left at this address.
import { createServer } from 'node:http';
import { startChromium } from '../real/chromium.mjs';
import { check, startService, until } from '../real/real.mjs';

async function serve(answer, port = 0) {
  const server = createServer(answer);
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  return { port: server.address().port, close: () => new Promise((done) => (server.close(done), server.closeAllConnections())) };
}

// In a page of evil.test: everything that a page can do without asking; what of it gave something back.
async function driveBy({ server, token }) {
  const seen = {};
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'attack' }] });
  const chat = `${server}/v1/chat/completions`;
  const add = (tag, more) => {
    const element = Object.assign(document.createElement(tag), more);
    document.body.append(element);
    return element;
  };
  const tell = (name) => ({ onload: () => (seen[name] = 'loaded'), onerror: () => undefined });
  add('img', { src: `${server}/icon-32.png`, ...tell('img') });
  add('img', { src: `${server}/v1/models?x`, ...tell('img of json') });
  add('script', { src: `${server}/v1/models`, ...tell('script') });
  add('script', { src: `${server}/thimble/v1/chats?token=${token}`, ...tell('script with the token in its address') });
  add('link', { rel: 'stylesheet', href: `${server}/openapi.json`, ...tell('style') });
  add('video', { src: `${server}/v1/models`, oncanplay: () => (seen.video = 'plays') });
  const frame = add('iframe', { src: `${server}/` });
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    for (const path of ['/v1/chat/completions', '/v1/messages', '/completion', '/thimble/v1/models/unload']) {
      add('iframe', { name: enctype + path });
      const form = add('form', { action: server + path, method: 'post', enctype, target: enctype + path });
      form.append(Object.assign(document.createElement('input'), { name: body.slice(0, -1), value: '"}' }));
      form.submit();
    }
  }
  const socket = new WebSocket(`${server.replace('http', 'ws')}/v1/chat/completions`);
  socket.onopen = () => (seen.socket = 'open');
  new EventSource(`${server}/thimble/v1/answers/x`).onmessage = () => (seen.events = 'a message');
  for (const type of ['text/plain', 'application/json']) navigator.sendBeacon(chat, new Blob([body], { type }));
  const ask = (name, address, options) => fetch(address, options).then(async (answer) => (seen[name] = `${answer.type} ${(await answer.text()).slice(0, 60)}`), () => undefined);
  const json = { 'content-type': 'application/json' };
  await Promise.all([
    ask('no-cors', chat, { method: 'POST', mode: 'no-cors', body }),
    ask('no-cors get', `${server}/v1/models`, { mode: 'no-cors' }),
    ask('plain', chat, { method: 'POST', headers: { 'content-type': 'text/plain' }, body }),
    ask('json', chat, { method: 'POST', headers: json, body }),
    ask('with credentials', chat, { method: 'POST', headers: json, credentials: 'include', body }),
    ask('with the token', `${server}/thimble/v1/chats`, { headers: { 'x-thimble-token': token } }),
    ask('any address', `${server.replace('127.0.0.1', '0.0.0.0')}/health`),
    ask('another name', `${server.replace('127.0.0.1', 'localhost')}/health`),
    ask('health', `${server}/health`),
    ask('the page', `${server}/`),
    import(`${server}/openapi.json`).then(() => (seen.import = 'came'), () => undefined),
  ]);
  const other = window.open(`${server}/`);
  await new Promise((done) => setTimeout(done, 1500));
  try {
    if (frame.contentDocument?.body?.textContent) seen.frame = frame.contentDocument.body.textContent;
  } catch {
    // Of another origin, as it should be.
  }
  try {
    if (other && other.document.body.textContent) seen.window = other.document.body.textContent;
  } catch {
    // The same.
  }
  return seen;
}

const written = async ({ url }) => Number(/tokens_predicted_total (\d+)/.exec(await (await fetch(`${url}/metrics`)).text())[1]);

async function otherSites(service) {
  const site = await serve((request, response) => response.setHeader('content-type', 'text/html').end('<!doctype html><title>evil</title><body>'));
  const browser = await startChromium('--host-resolver-rules=MAP evil.test 127.0.0.1', '--disable-popup-blocking');
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`http://evil.test:${site.port}/`);
  const before = await written(service);
  const seen = await page.evaluate(driveBy, { server: service.url, token: service.token });
  check(Object.keys(seen).length === 0, `a page of another site got: ${JSON.stringify(seen)}`);
  check((await written(service)) === before, `a page of another site made ${(await written(service)) - before} tokens`);
  // Had one been made, it would have been counted.
  await service.request('POST', '/v1/chat/completions', { messages: [{ role: 'user', content: 'x' }] });
  check((await written(service)) > before, 'tokens are not counted');

  // The name points here now: to the browser it is one origin, to the server a stranger's.
  const answer = await page.goto(`http://evil.test:${service.port}/`);
  check(answer.status() === 403, `under another name the page is ${answer.status()}`);
  const got = await page.evaluate(async (token) => {
    const results = {};
    const paths = ['/health', '/v1/models', '/models', '/props', '/metrics', '/slots', '/openapi.json', '/icon-32.png', '/thimble/v1/info', '/thimble/v1/chats', '/thimble/v1/settings'];
    const headers = { 'x-thimble-token': token, 'content-type': 'application/json' };
    for (const path of paths) results[path] = (await fetch(path, { headers })).status;
    const ask = await fetch('/v1/chat/completions', { method: 'POST', headers, body: '{"messages": [{"role": "user", "content": "x"}]}' });
    return { ...results, chat: ask.status };
  }, service.token);
  for (const [path, status] of Object.entries(got)) check(status === 403, `under another name ${path} is ${status}`);
  await browser.close();
  await site.close();
}

const kForeign = {
  '/': '<!doctype html><title>Another program</title><body>Another program',
  // It knows every address, and answers without asking anybody.
  '/sw.js': `addEventListener('install', () => skipWaiting()); addEventListener('activate', (event) => event.waitUntil(clients.claim()));
    addEventListener('fetch', (event) => event.respondWith(CATCHES ? new Response('<!doctype html><title>Another program</title><body>Another program', { headers: { 'content-type': 'text/html' } })
      : fetch(event.request).then(async (answer) => /javascript/.test(answer.headers.get('content-type')) ? answer : answer)));`,
};

// A program had this port before, and its page left a worker: one that lets requests through, one that answers all.
async function foreignWorker(values, catches) {
  const type = (path) => (path.endsWith('.js') ? 'text/javascript' : 'text/html');
  const foreign = await serve((request, response) => response.setHeader('content-type', type(request.url)).end((kForeign[request.url] ?? '').replace('CATCHES', String(catches))));
  const url = `http://127.0.0.1:${foreign.port}`;
  const browser = await startChromium();
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${url}/`);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js');
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done));
  });
  await foreign.close();
  const service = await startService(values, { default: 'Hello.' }, '--port', String(foreign.port));
  await page.goto('about:blank');
  await page.goto(service.address);
  const composer = page.getByTestId('composer');
  await composer.waitFor({ timeout: 15_000 });
  await until('no worker', () => page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length === 0 && navigator.serviceWorker.controller === null).catch(() => false), 10);
  await page.locator('.dot[data-state=ready]').first().waitFor();
  await composer.fill('Are you there?');
  await page.getByTestId('send').click();
  await page.locator('[data-testid=message][data-role=assistant][data-state=done]').waitFor();
  await browser.close();
  await service.stop();
}

export async function attackFromElsewhere(values) {
  const service = await startService(values, { default: 'Hello.' });
  await otherSites(service);
  await service.stop();
  await foreignWorker(values, false);
  await foreignWorker(values, true);
}
