// SPDX-License-Identifier: Apache-2.0
// The common suite of stores against the databases that Chromium, Firefox ESR and WebKitGTK really have, and their times
// with 200 chats of 20 messages (10 MB of text). The page's policy is the server's. Two stores of one page are to each
// other as those of two tabs.
//
//   node store.mjs [--only chromium|firefox|webkit]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startChromium } from '../real/chromium.mjs';
import { check, end, main, readArguments, start, Steps, temporaryFolder, until } from '../real/real.mjs';
import { Firefox } from './firefox.mjs';
import { WebKit } from './webkit.mjs';

const top = fileURLToPath(new URL('../..', import.meta.url));

class Chromium {
  static async start() {
    const made = new Chromium();
    made.browser = await startChromium();
    made.page = await made.browser.newPage();
    return made;
  }
  open(url) {
    return this.page.goto(url);
  }
  ask(expression) {
    return this.page.evaluate(expression);
  }
  close() {
    return this.browser.close();
  }
}

// Chromium's scenarios are in tests/e2e/browser_store.spec.ts. Reloads come as early as they can.
async function visit(browser, url) {
  const answers = () => browser.ask(`[...document.querySelectorAll('[data-testid=message][data-role=assistant]')].map(({ dataset }) => dataset.state).join()`);
  const ready = () => until('the page', () => browser.ask(`document.querySelector('.dot[data-state=ready]') !== null`));
  await browser.open(url);
  await ready();
  await browser.type('[data-testid=composer]', 'Hello there');
  await browser.click('[data-testid=send]');
  await until('the answer', async () => (await answers()) === 'done');
  await browser.reload();
  await ready();
  await until('it again', async () => (await answers()) !== '');
  check((await answers()) === 'done', `it is ${await answers()}`);
  check((await browser.ask(`document.querySelector('[data-testid=chat-item]')?.textContent ?? ''`)).includes('Hello there'), 'it is in no list');
  check((await browser.ask(`document.querySelectorAll('[data-testid=store-notice]').length`)) === 0, 'there is a notice');
  // In the middle of an answer.
  const text = () => browser.ask(`[...document.querySelectorAll('[data-testid=message][data-role=assistant] .markdown')].at(-1)?.textContent ?? ''`);
  await browser.type('[data-testid=composer]', 'Tell me something long');
  await browser.click('[data-testid=send]');
  await until('its third sentence', async () => (await text()).includes('Three follows'));
  const seen = await text();
  await browser.reload();
  await ready();
  await until('both answers', async () => (await answers()).includes(','));
  check((await answers()) === 'done,stopped', `they are ${await answers()}`);
  check((await text()).startsWith(seen), `of "${seen}" is left: "${await text()}"`);
  check(browser.faults.length === 0, browser.faults.join('\n'));
}

main(async () => {
  const { only } = readArguments({ only: '' });
  const folder = temporaryFolder('store-page');
  execFileSync(process.execPath, [`${top}/node_modules/vite/bin/vite.js`, 'build', '--config', `${top}/tests/browser_page/vite.config.ts`], {
    cwd: top, env: { ...process.env, THIMBLE_PAGE_OUT: folder }, stdio: ['ignore', 'ignore', 'inherit'],
  });
  // Slow enough to be left in the middle.
  const script = { ...JSON.parse(readFileSync(`${top}/tests/e2e/script.json`, 'utf8')), tokens_per_second: 25 };
  writeFileSync(`${folder}/script.json`, JSON.stringify(script));
  const server = start(process.execPath, [`${top}/tests/mock_server/server.mjs`, '--page', folder, '--script', `${folder}/script.json`, '--storeless']);
  const { url } = JSON.parse(await new Promise((done) => createInterface({ input: server.stdout }).once('line', done)));
  for (const [name, kind] of Object.entries({ chromium: Chromium, firefox: Firefox, webkit: WebKit })) {
    if (only && only !== name) continue;
    const steps = new Steps(name);
    const browser = await steps.run('starts', () => kind.start());
    await steps.run('the suite of stores', async () => {
      await browser.open(`${url}/tests/browser_page/suite.html`);
      const text = () => browser.ask(`document.getElementById('result').textContent`);
      await until('the result', async () => (await text()) !== 'running', 120);
      const { passed, failed, locks, milliseconds } = JSON.parse(await text());
      console.log(`         ${name}: ${passed} passed; milliseconds: ${JSON.stringify(milliseconds)}`);
      check(failed.length === 0, failed.join('\n'));
      check(passed > 25 && locks, `only ${passed} passed; locks: ${locks}`);
    });
    if (name !== 'chromium') await steps.run('a first chat without a server, there after reloads', () => visit(browser, url));
    await browser.close();
    steps.end();
  }
  await end(server);
});
