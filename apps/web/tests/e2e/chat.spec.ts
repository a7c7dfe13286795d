// SPDX-License-Identifier: Apache-2.0
import { expect, test } from './fixtures';

test('a first chat: question, answer, numbers, and it is in the list', async ({ chat }) => {
  const { page } = chat;
  expect(page.url()).not.toContain('token');
  await chat.ask('Which mushroom is this, and can I eat it?');
  await expect(chat.answers()).toContainText('fly agaric');
  await expect(chat.answers().locator('strong').first()).toHaveText('fly agaric');
  await expect(chat.answers().locator('.markdown li')).toHaveCount(3);
  const meter = page.getByTestId('meter');
  await expect(meter).toHaveAttribute('data-tokens', /^[1-9]\d*$/);
  await expect(meter).toHaveAttribute('data-ttft-ms', /^\d+$/);
  await expect(meter).toHaveAttribute('data-tokens-per-second', /^\d+\.\d$/);
  await expect(meter).toHaveAttribute('data-finish', 'stop');
  await expect(page.getByTestId('context-bar')).toHaveAttribute('data-used', /^[1-9]\d*$/);
  await chat.showRail();
  await expect(page.getByTestId('chat-item').first()).toContainText('Which mushroom is this');
  await expect(page).toHaveURL(/#\/chat\/\w{24}$/);
});

test('thinking is folded, with its time', async ({ chat }) => {
  const { page } = chat;
  await page.goto(`${chat.service.url}/#/settings`);
  await page.getByTestId('setting-thinking').getByText('on', { exact: true }).click();
  await page.goto(`${chat.service.url}/#/chat`);
  await chat.ask('Which mushroom is this?');
  const thinking = page.getByTestId('thinking');
  await expect(thinking.locator('summary')).toHaveText(/Thought for [\d.]+ s/);
  await expect(thinking).not.toContainText('red cap');
  await thinking.locator('summary').click();
  await expect(thinking).toContainText('A red cap with white flecks');
});

test('an answer is stopped, keeps what came, and can be asked for again', async ({ chat }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('stop').click();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers()).not.toContainText('The very last sentence');
  await expect(page.getByTestId('meter')).toHaveAttribute('data-finish', 'stopped');
  await page.getByTestId('regenerate').click();
  await expect(page.getByTestId('branches')).toContainText('2/2');
  await chat.finished();
  await expect(chat.answers()).toContainText('The very last sentence');
});

test('a stopped answer is gone on with, as the same message', async ({ chat }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('stop').click();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  const kept = (await chat.answers().locator('.markdown').innerText()).trim();
  const id = await chat.answers().getAttribute('data-id');
  await page.getByTestId('continue').click();
  await chat.finished();
  const whole = `${kept} It goes on behind what was there, and comes to the end of a continued answer.`;
  expect((await chat.answers().locator('.markdown').innerText()).trim()).toBe(whole); // one paragraph
  await expect(chat.answers()).toHaveAttribute('data-id', id!);
  await expect(page.getByTestId('branches')).toHaveCount(0);
  await expect(page.getByTestId('continue')).toHaveCount(0);
  await page.reload();
  await expect(chat.answers().locator('.markdown')).toHaveText(whole);
  await expect(chat.answers()).toHaveAttribute('data-id', id!);
});

test('an answer that is gone on with survives a reload, and so does one in a chat that is not kept a stop', async ({ chat }) => {
  const { page } = chat;
  const end = /^One is first\. .* It goes on behind what was there, and comes to the end of a continued answer\.$/s;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('stop').click();
  await page.getByTestId('continue').click();
  await expect(chat.answers()).toContainText('It goes');
  await page.reload();
  await chat.finished();
  await expect(chat.answers().locator('.markdown')).toHaveText(end);
  await chat.showRail();
  await page.getByTestId('rail-menu').click();
  await page.getByTestId('new-passing').click();
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('stop').click();
  await page.getByTestId('continue').click();
  await chat.finished();
  await expect(chat.answers().locator('.markdown')).toHaveText(end);
});

test('an answer that was stopped in its thoughts goes on in them @desktop', async ({ chat }) => {
  const { page } = chat;
  await page.goto(`${chat.service.url}/#/settings`);
  await page.getByTestId('setting-thinking').getByText('on', { exact: true }).click();
  await page.goto(`${chat.service.url}/#/chat`);
  await chat.say('ponder: which colour?');
  await page.getByTestId('thinking').locator('summary').click();
  await expect(page.getByTestId('thinking')).toContainText('at the sea');
  await page.getByTestId('stop').click();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await page.getByTestId('continue').click();
  await chat.finished();
  await expect(chat.answers().locator('.markdown').last()).toHaveText('It is blue.');
  await expect(page.getByTestId('thinking')).toContainText(/^Thought for [\d.]+ s\s*First I look at the sky\..* And that was the last thought\.$/s);
});

test('two clicks in one moment make one answer @desktop', async ({ chat }) => {
  const { page } = chat;
  let asked = 0;
  page.on('request', (request) => (asked += request.url().endsWith('/v1/chat/completions') ? 1 : 0));
  const twice = (testid: string) => page.getByTestId(testid).first().evaluate((button: HTMLElement) => (button.click(), button.click()));
  await page.getByTestId('composer').fill('Tell me something long');
  await twice('send');
  await expect(chat.answers()).toContainText('Two comes');
  await twice('stop');
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await twice('continue');
  await chat.finished();
  expect(asked).toBe(2);
  await twice('regenerate');
  await expect(chat.answers()).toContainText('Two comes');
  await page.getByTestId('stop').click();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers().getByTestId('branches')).toContainText('2/2');
  await chat.questions().first().hover();
  await chat.questions().first().getByTestId('edit').click();
  await page.getByTestId('edit-text').fill('Hello there');
  await twice('edit-save');
  await chat.finished();
  await expect(chat.questions().getByTestId('branches')).toContainText('2/2');
  expect(asked).toBe(4);
});

test('a question is edited while its answer is being written: the new one is answered @desktop', async ({ chat }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes');
  await chat.questions().first().hover();
  await chat.questions().first().getByTestId('edit').click();
  await page.getByTestId('edit-text').fill('Hello there');
  await page.getByTestId('edit-save').click();
  await expect(chat.answers()).toContainText('A short answer.');
  await chat.finished();
});

test('a question is edited into a branch, and branches are walked', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Which mushroom is this?');
  await chat.questions().first().hover();
  await chat.questions().first().getByTestId('edit').click();
  await page.getByTestId('edit-text').fill('Now a table, please');
  await page.getByTestId('edit-save').click();
  await expect(chat.answers()).toContainText('rings of scales');
  await expect(chat.answers().locator('table')).toBeVisible();
  const branches = chat.questions().getByTestId('branches');
  await expect(branches).toContainText('2/2');
  await chat.finished();
  await branches.getByRole('button', { name: 'Previous version' }).click();
  await expect(chat.questions()).toContainText('Which mushroom');
  await expect(chat.answers()).toContainText('fly agaric');
  await page.reload();
  await expect(chat.questions()).toContainText('Which mushroom');
});

test("the model's own words are edited, and a new chat goes on from there", async ({ chat }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await chat.answers().first().getByTestId('edit').click();
  await page.getByTestId('edit-text').fill('An answer in other words.');
  await page.getByTestId('edit-save').click();
  await expect(chat.answers()).toContainText('in other words');
  await expect(chat.answers().getByTestId('branches')).toContainText('2/2');
  const before = page.url();
  await chat.answers().first().getByTestId('fork').click();
  await expect(page).not.toHaveURL(before);
  await expect(chat.answers()).toContainText('in other words');
  await expect(chat.answers().getByTestId('branches')).toHaveCount(0);
});

test('code is coloured and copied, and formulas are formulas', async ({ chat }) => {
  await chat.ask('Show me code');
  const block = chat.answers().locator('.code');
  await expect(block.locator('.hl-keyword').first()).toHaveText('def');
  await expect(chat.answers().locator('math')).toBeVisible();
  await block.locator('.code-copy').click();
  await expect(block.locator('.code-copy')).toHaveText('Copied');
});

test('a line of code stays one line, and scrolls sideways', async ({ chat }) => {
  const { page } = chat;
  await page.setViewportSize({ width: 320, height: 640 });
  await chat.ask('Show me a command');
  const shape = (element: Element) => {
    const pre = element.parentElement!;
    const lines = element.textContent!.trimEnd().split('\n').length;
    return { lines: Math.round(element.getBoundingClientRect().height / parseFloat(getComputedStyle(pre).lineHeight)) - lines, scrolls: pre.scrollWidth > pre.clientWidth };
  };
  expect(await chat.answers().locator('.code code').evaluate(shape)).toEqual({ lines: 0, scrolls: true });
  await page.getByTestId('proof').click();
  await expect(page.locator('.page .fold')).toHaveCount(4);
  for (const fold of await page.locator('.page .fold > summary').all()) await fold.click();
  const commands = page.locator('.page pre.command code');
  await expect(commands).toHaveCount(3);
  for (const command of await commands.all()) expect((await command.evaluate(shape)).lines).toBe(0);
  expect(await commands.last().evaluate(shape)).toEqual({ lines: 0, scrolls: true });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

test('an answer goes on over a reload', async ({ chat }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Three follows');
  await page.reload();
  await expect(chat.answers()).toContainText('Three follows');
  await chat.finished();
  await expect(chat.answers()).toContainText('One is first. Two comes next.');
  await expect(chat.answers()).toContainText('The very last sentence of a long answer.');
});

test('an answer goes on in the background while another chat is open', async ({ chat }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes');
  await chat.showRail();
  await page.getByTestId('new-chat').click();
  await chat.ask('Hello there');
  await expect(chat.answers()).toContainText('A short answer.');
  await chat.showRail();
  await page.getByTestId('chat-item').filter({ hasText: 'something long' }).first().locator('a').click();
  await chat.finished();
  await expect(chat.answers()).toContainText('The very last sentence');
});

test('offline: it says so, keeps what is typed, and goes on', async ({ chat, context }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await context.setOffline(true);
  await chat.say('Typed while away');
  await expect(page.locator('.fault')).toContainText('cannot be reached');
  await expect(page.getByTestId('composer')).toHaveValue('Typed while away');
  await context.setOffline(false);
  await page.getByTestId('send').click();
  await expect(chat.answers()).toHaveCount(2);
  await chat.finished();
});

test('a chat that is not kept is in no list, and gone with the page', async ({ chat }) => {
  const { page } = chat;
  await chat.showRail();
  await page.getByTestId('rail-menu').click();
  await page.getByTestId('new-passing').click();
  await expect(page.getByText('This chat is not kept')).toBeVisible();
  await chat.ask('A secret of mine');
  await chat.showRail();
  await expect(page.getByTestId('chat-item').filter({ hasText: 'A secret' })).toHaveCount(0);
  await page.reload();
  await expect(page.getByText('A secret of mine')).toHaveCount(0);
});

test('instructions for this chat go with the question', async ({ chat }) => {
  const { page } = chat;
  await page.getByTestId('instructions').click();
  await page.getByTestId('instructions-own').fill('Answer as a pirate.');
  await page.getByRole('button', { name: 'Save' }).click();
  const asked = page.waitForRequest((request) => request.url().endsWith('/v1/chat/completions'));
  await chat.say('Hello there');
  const body = (await asked).postDataJSON() as { messages: { role: string; content: string }[] };
  expect(body.messages[0]).toEqual({ role: 'system', content: 'Answer as a pirate.' });
  await chat.finished();
});

test('two tabs show the same chats', async ({ chat, context }) => {
  const other = await context.newPage();
  await other.goto(`${chat.service.url}/#token=${chat.service.token}`);
  await chat.ask('Asked in the first tab');
  if (chat.isPhone) await other.getByTestId('drawer').click();
  const item = other.getByTestId('chat-item').filter({ hasText: 'Asked in the first tab' }).first();
  await expect(item).toBeVisible();
  await item.locator('a').click();
  await expect(other.locator('[data-role=assistant]')).toContainText('A short answer.');
});

test('without the token it says which address to open', async ({ page, service }) => {
  await page.goto(service.url);
  await expect(page.getByTestId('no-token')).toContainText('the whole address that');
});

test('an attack in an answer runs nothing and loads nothing', async ({ chat }) => {
  const { page } = chat;
  await chat.ask('attack');
  await expect(chat.answers()).toContainText('<img src=x onerror=');
  expect(await page.evaluate(() => (window as unknown as { broken?: number }).broken)).toBeUndefined();
  await expect(chat.answers().locator('img, script, svg[onload], .markdown svg')).toHaveCount(0);
  const links = chat.answers().locator('.markdown a');
  await expect(links).toHaveCount(1);
  await expect(links).toContainText('evil.test');
});

test('fifty formulas keep their look under the content policy', async ({ chat }) => {
  const { page } = chat;
  const formulas = [
    'x^2', 'a_{ij}', '\\frac{a}{b}', '\\sqrt[3]{x}', '\\sum_{i=1}^n i', '\\int_0^1 x\\,dx', '\\lim_{x\\to 0}', '\\prod_k k', '\\binom{n}{k}', '\\vec{v}',
    '\\hat{x}', '\\overline{ab}', '\\underbrace{a+b}_{n}', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}', '\\begin{cases}a&b\\\\c&d\\end{cases}',
    '\\left(\\frac{1}{2}\\right)', '\\mathbb{R}', '\\mathcal{L}', '\\mathbf{x}', '\\mathrm{d}x', '\\text{if } x', '\\alpha\\beta', '\\infty', '\\partial f', '\\nabla',
    '\\leq \\geq', '\\neq', '\\approx', '\\to', '\\Rightarrow', '\\forall x', '\\exists y', '\\in A', '\\subset', '\\cup\\cap', '\\cdot\\times', '\\pm', '\\log x', '\\sin\\theta',
    '\\color{red}{x}', '\\boxed{x}', '\\cancel{x}', '\\xrightarrow{f}', '\\overset{a}{b}', 'f\'(x)', '\\dots', '\\quad x', '\\Big| x', '\\begin{aligned}a&=b\\\\c&=d\\end{aligned}', '\\tag{1} x',
  ];
  expect(formulas).toHaveLength(50);
  await page.evaluate(() => {
    const seen = window as unknown as { reports: string[] };
    seen.reports = [];
    document.addEventListener('securitypolicyviolation', (event) => seen.reports.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
  });
  await page.getByTestId('import-input').setInputFiles({
    name: 'formulas.json', mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify({ title: 'Fifty formulas', messages: [{ role: 'user', content: 'Formulas' }, { role: 'assistant', content: formulas.map((tex) => `$$${tex}$$`).join('\n\n') }] })),
  });
  await chat.showRail();
  await page.getByTestId('chat-item').filter({ hasText: 'Fifty formulas' }).first().locator('a').click();
  await expect.poll(() => chat.answers().locator('math').count()).toBeGreaterThanOrEqual(48);
  expect(await page.evaluate(() => (window as unknown as { reports: string[] }).reports)).toEqual([]);
  const box = await chat.answers().locator('mfrac').first().boundingBox();
  expect(box!.height).toBeGreaterThan(20);
});

test('a full disk is a sentence, and the typed text stays', async ({ chat }) => {
  const { page } = chat;
  await page.route('**/thimble/v1/chats/*/messages', (route) => route.fulfill({ status: 507, contentType: 'application/json', body: '{"error":{"message":"full"}}' }));
  await chat.say('Typed on a full disk');
  await expect(page.locator('.composer .fault')).toContainText('no room left on the disk');
  await expect(page.getByTestId('composer')).toHaveValue('Typed on a full disk');
  await page.unroute('**/thimble/v1/chats/*/messages');
  await page.getByTestId('send').click();
  await chat.finished();
});

test('a connection that breaks in the middle of an answer is taken up again', async ({ chat, context }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes');
  await context.setOffline(true);
  // Chromium keeps what is open: a page that was asleep connects anew itself.
  await page.evaluate(() => window.dispatchEvent(new Event('online')));
  await expect(chat.answers().getByText('connection is lost')).toBeVisible();
  await context.setOffline(false);
  await chat.finished();
  await expect(chat.answers()).toContainText('The very last sentence');
  await expect(chat.answers()).toContainText('One is first. Two comes next. Three follows on.');
});
