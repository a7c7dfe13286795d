// SPDX-License-Identifier: Apache-2.0
// The page in the engines that Chromium is not: Firefox ESR and WebKitGTK (the nearest to Safari that runs on Linux), once
// through against the real server: a first chat that streams, a picture with its price, history over a reload, the content
// policy without a report.
//
//   node smoke.mjs [--server PROGRAM] [--fixtures FOLDER] [--only firefox|webkit]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePng } from '../e2e/png.ts';
import { check, main, readArguments, startService, Steps, temporaryFolder, until } from '../real/real.mjs';
import { Firefox } from './firefox.mjs';
import { WebKit } from './webkit.mjs';

const kScript = JSON.parse(readFileSync(new URL('../e2e/script.json', import.meta.url), 'utf8'));
const hook = (name) => `[data-testid=${name}]`;
const one = (selector) => `document.querySelector(${JSON.stringify(selector)})`;
const all = (selector) => `document.querySelectorAll(${JSON.stringify(selector)})`;
const kAnswers = '[data-testid=message][data-role=assistant]';

// Reports of the content policy and faults, kept by the page. WebKitGTK cannot listen before the page's own scripts run; what
// its policy says of the first moments Chromium's and Firefox' tests hear.
const kListen = `() => {
  if (window.reports) return;
  window.reports = [];
  document.addEventListener('securitypolicyviolation', (event) => window.reports.push(event.effectiveDirective + ' ' + event.blockedURI));
  // That of a ResizeObserver only says that it goes on in the next frame.
  window.addEventListener('error', ({ message }) => message.startsWith('ResizeObserver') || window.reports.push(message));
  window.addEventListener('unhandledrejection', ({ reason }) => window.reports.push(String(reason)));
}`;

async function visit(browser, service, steps) {
  const state = () => browser.ask(`[...${all(kAnswers)}].at(-1)?.dataset.state ?? ''`);
  const answers = () => browser.ask(`${all(kAnswers)}.length`);
  const listen = () => browser.ask(`(${kListen})() ?? true`);
  const ready = () => until('the page', () => browser.ask(`${one(hook('composer'))} !== null && ${one('.dot[data-state=ready]')} !== null`));
  const reports = async () => [...(await browser.ask('window.reports')), ...browser.faults];

  await steps.run('the page opens', async () => {
    await browser.before(kListen);
    await browser.open(service.address);
    await ready();
    await listen();
    check(!(await browser.ask('location.href')).includes(service.token), 'the token is still in the address');
  });
  await steps.run('a first answer streams', async () => {
    await browser.type(hook('composer'), 'Which mushroom is this?');
    await browser.click(hook('send'));
    const lengths = new Set();
    await until('the answer', async () => {
      const [length, now] = await browser.ask(`[${one(kAnswers)}?.textContent.length ?? 0, ${one(kAnswers)}?.dataset.state]`);
      if (now === 'running' && length > 0) lengths.add(length);
      return now === 'done';
    });
    check(lengths.size >= 3, `the answer came in ${lengths.size} parts`);
    check((await browser.ask(`${one(`${kAnswers} strong`)}.textContent`)) === 'fly agaric', 'the answer has no bold words');
    const meter = await browser.ask(`({...${one(hook('meter'))}.dataset})`);
    check(Number(meter.tokens) > 20 && meter.finish === 'stop', `the meter says ${JSON.stringify(meter)}`);
  });
  await steps.run('a picture is priced and sent', async () => {
    const picture = join(temporaryFolder('picture'), 'mushroom.png');
    writeFileSync(picture, makePng(320, 240));
    await browser.choose(hook('attach-input'), picture);
    await until('the price', () => browser.ask(`Number(${one(hook('picture-preview'))}?.dataset.tokens ?? 0) > 0`));
    await browser.type(hook('composer'), 'Hello there');
    await browser.click(hook('send'));
    await until('the second answer', async () => (await answers()) === 2 && (await state()) === 'done');
    await until('the picture', () => browser.ask(`${one(`${hook('message-picture')} img`)}?.naturalWidth === 320`));
  });
  await steps.run('code and formulas look right', async () => {
    await browser.type(hook('composer'), 'Show me code');
    await browser.click(hook('send'));
    await until('coloured code', () => browser.ask(`${one('.code .hl-keyword')}?.textContent === 'def'`));
    await until('a formula', () => browser.ask(`${one('.markdown math')}?.getBoundingClientRect().width > 20`));
    await until('its end', async () => (await state()) === 'done');
  });
  await steps.run('it is all there after a reload', async () => {
    await browser.reload();
    await ready();
    await listen();
    await until('the chat in the list', () => browser.ask(`${one(hook('chat-item'))}?.textContent.includes('Which mushroom') ?? false`));
    await until('its answers', async () => (await answers()) === 3);
    // It is fetched when it comes near the window.
    await browser.ask(`${one(hook('message-picture'))}.scrollIntoView() ?? true`);
    await until('the picture', () => browser.ask(`${one(`${hook('message-picture')} img`)}?.naturalWidth === 320`));
  });
  await steps.run('no fault, and no report of the content policy', async () => {
    check((await reports()).length === 0, `there are: ${JSON.stringify(await reports())}`);
    // Had there been one, it would have been heard.
    await browser.ask(`document.body.setAttribute('style', 'color: red') ?? true`);
    await until('the report of a style that the policy forbids', async () => (await reports()).some((report) => /style/i.test(report)), 5);
  });
}

main(async () => {
  const values = readArguments({ only: '' });
  for (const [name, kind] of Object.entries({ firefox: Firefox, webkit: WebKit })) {
    if (values.only !== '' && values.only !== name) continue;
    const steps = new Steps(name);
    const service = await startService(values, kScript);
    const browser = await steps.run('starts', () => kind.start());
    await visit(browser, service, steps);
    await browser.close();
    await service.stop();
    steps.end();
  }
});
