// SPDX-License-Identifier: Apache-2.0
// The common suite of stores against the databases that Chromium, Firefox ESR and WebKitGTK really have, and their times
// with 200 chats of 20 messages (10 MB of text). The page's policy is the server's. Two stores of one page are to each
// other as those of two tabs.
//
//   node store.mjs [--only chromium|firefox|webkit]
import { execFileSync } from 'node:child_process';
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

main(async () => {
  const { only } = readArguments({ only: '' });
  const folder = temporaryFolder('store-page');
  execFileSync(process.execPath, [`${top}/node_modules/vite/bin/vite.js`, 'build', '--config', `${top}/tests/browser_page/vite.config.ts`], {
    cwd: top, env: { ...process.env, THIMBLE_PAGE_OUT: folder }, stdio: ['ignore', 'ignore', 'inherit'],
  });
  const server = start(process.execPath, [`${top}/tests/mock_server/server.mjs`, '--page', folder, '--storeless']);
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
    await browser.close();
    steps.end();
  }
  await end(server);
});
