// SPDX-License-Identifier: Apache-2.0
// Everything that a model, a file, a page of another site or another program may try against the page, in Chromium against
// the real server: nothing runs, nothing leaves this device, the content policy has nothing to report, the page stays usable,
// and links show where they lead.
//
//   node attacks.mjs [--server PROGRAM] [--fixtures FOLDER] [--pictures FOLDER] [--only NAME]
//
// --pictures: where a picture of the formulas goes.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePng } from '../e2e/png.ts';
import { check, main, readArguments, startService, Steps } from '../real/real.mjs';
import { kAttacks } from '../unit/attacks.ts';
import { makeArchive } from './archive.mjs';
import { attackFromElsewhere } from './elsewhere.mjs';
import { startGuarded } from './guard.mjs';
import { kFormulas } from './formulas.mjs';
import { longText } from './long.mjs';

const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8'));
const kTexts = [...corpus.texts, ...kAttacks];
const kAnswer = '[data-testid=message][data-role=assistant]';
// What the server's own parser takes out of a reply, or that no reply can have.
const isSpecial = (text) => /think>|tool_call>|<\|im_|\0/.test(text);

let nextId = 0;
const newId = () => `A${String(nextId++).padStart(23, '0')}`;
const groupsOf = (list, size) => Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

function message(role, parent, text, more = {}) {
  return { id: newId(), parent, role, model: '', state: 'done', created: 1_700_000_000_000 + nextId, text, reasoning: '', pictures: [], facts: {}, ...more };
}

function chatOf(messages, more = {}) {
  const now = Date.now() + nextId;
  return { chat: { id: newId(), title: 'A chat', model: '', instructions: '', folder: '', head: messages.at(-1).id, pinned: false, created: now, updated: now, ...more }, messages };
}

// A chat whose answers and questions are these texts.
function talkOf(texts) {
  const messages = [];
  for (const text of texts) {
    messages.push(message('user', messages.at(-1)?.id ?? '', text));
    messages.push(message('assistant', messages.at(-1).id, text, { reasoning: text, model: text.slice(0, 200) }));
  }
  return chatOf(messages);
}

async function theHeaders(service) {
  const answer = await fetch(`${service.url}/`);
  const policy = Object.fromEntries(answer.headers.get('content-security-policy').split('; ').map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]));
  for (const [name, value] of Object.entries({
    'default-src': "'none'", 'script-src': "'self' 'wasm-unsafe-eval'", 'style-src': "'self'", 'connect-src': "'self'", 'form-action': "'none'", 'base-uri': "'none'",
    'frame-ancestors': "'none'", 'require-trusted-types-for': "'script'",
  })) check(policy[name] === value, `the policy has ${name} ${policy[name]}`);
  check('trusted-types' in policy && !JSON.stringify(policy).includes('unsafe-inline'), 'the policy is too wide');
}

// As a model writes it, some attacks in one answer, streamed.
async function fromTheModel(guarded, replies) {
  const { page, service } = guarded;
  for (const [i, reply] of replies.entries()) {
    if (i % 6 === 0) await page.getByTestId('new-chat').click();
    const before = i % 6 === 0 ? 0 : await page.locator(kAnswer).count();
    await page.getByTestId('composer').fill(`attack ${String(i).padStart(3, '0')};`);
    await page.getByTestId('send').click();
    await page.waitForFunction(([selector, count]) => {
      const found = document.querySelectorAll(selector);
      return found.length > count && found[found.length - 1].dataset.state !== 'running';
    }, [kAnswer, before]);
    await guarded.clean(`model output ${i}`);
    if (isSpecial(reply)) continue;
    const { messages } = await service.request('GET', `/thimble/v1/chats/${page.url().split('/').at(-1)}`);
    const kept = messages.findLast((one) => one.role === 'assistant');
    const wanted = reply.trim().normalize('NFC'); // as the tokenizer has it
    check(kept.text.trim() === wanted, `reply ${i} is kept as ${JSON.stringify(kept.text.slice(0, 300))} instead of ${JSON.stringify(wanted.slice(0, 300))}`);
  }
  await guarded.usable('model output');
}

// The watch hears what it is there for.
async function isHeard(guarded, wanted, work, ...given) {
  await guarded.page.evaluate(work, ...given);
  await guarded.page.waitForTimeout(300);
  const said = await guarded.clean('a fault on purpose').then(() => 'nothing', (error) => error.message);
  check(wanted.test(said), `the watch is deaf: it says ${said}`);
}

async function fromTheStore(guarded, ids) {
  for (const id of ids) {
    await guarded.show(id);
    const thinking = guarded.page.getByTestId('thinking');
    for (let i = (await thinking.count()) - 1; i >= 0; i -= 5) await thinking.nth(i).locator('summary').click();
    await guarded.clean(`chat ${id}`);
  }
  await guarded.usable('chats of the store');
}

// Titles, folders, instructions, names of models and pictures, reasons of failures.
async function asNames(service, guarded) {
  const { sha256 } = await service.request('PUT', '/thimble/v1/pictures?keep=1', new Uint8Array(makePng(16, 16)));
  const ids = [];
  for (const text of kTexts) {
    const name = text.slice(0, 200);
    const question = message('user', '', name, { pictures: [{ sha256, name, width: 16, height: 16, detail: 'auto', tokens: 1 }] });
    const answer = message('assistant', question.id, '', { state: 'failed', model: name, facts: { error: name, finish: name, timings: { [name]: 1 }, dropped: 1 } });
    const chat = chatOf([question, answer], { title: name, folder: text.slice(0, 60), model: name, instructions: text });
    await service.request('POST', '/thimble/v1/chats/import', chat).catch((error) => check(/: 400 /.test(error.message), error.message));
    ids.push(chat.chat.id);
  }
  const { page } = guarded;
  await page.reload();
  await page.getByTestId('chat-item').nth(20).waitFor();
  await guarded.clean('titles and folders');
  for (let i = 0; i < 3; i++) {
    await page.getByTestId('chat-list').evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await page.waitForTimeout(100);
  }
  await guarded.clean('more titles');
  for (const id of ids.filter((_, i) => i % 9 === 0)) {
    await guarded.show(id);
    await guarded.clean(`names in chat ${id}`);
  }
  await page.getByTestId('instructions').click();
  await guarded.clean('instructions');
  await page.keyboard.press('Escape');
  for (const words of ['onerror', '<script', '\u202e', '\u0001', '%_"\'*']) {
    await page.getByTestId('search').fill(words);
    await page.waitForTimeout(250);
    await guarded.clean(`search for ${words}`);
  }
  await page.getByTestId('search').fill('');
  await page.getByTestId('chat-item').first().hover();
  await page.getByTestId('chat-item').first().getByTestId('chat-menu').click();
  await guarded.clean('the menu of a chat');
  await page.keyboard.press('Escape');
  await guarded.usable('names');
}

const kNoPicture = 'not a picture';

async function asFileNames(guarded) {
  const { page } = guarded;
  await page.getByTestId('new-chat').click();
  for (const name of corpus.names) {
    for (const [mimeType, buffer] of [['image/png', makePng(16, 16)], ['image/png', Buffer.from(kNoPicture)], ['video/mp4', Buffer.from(kNoPicture)]]) {
      await page.getByTestId('attach-input').setInputFiles({ name, mimeType, buffer });
    }
    await page.getByTestId('import-input').setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from('{}') });
  }
  await page.locator('[data-testid=picture-preview][data-state=ready]').first().waitFor();
  await page.waitForTimeout(300);
  await guarded.clean('names of files');
  await page.getByTestId('new-chat').click();
  await guarded.usable('names of files');
}

// Files that are taken in: what has a broken shape is a sentence, and what has none is text.
function badFiles() {
  const json = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  const good = (text) => json({ thimble_chat: 1, ...talkOf([text]) });
  const proto = '{"__proto__": {"polluted": 1, "isAdmin": true}, "constructor": {"prototype": {"polluted": 1}}, ';
  const zeros = Buffer.alloc(8 * 1024 * 1024);
  const archives = {
    'slip.zip': [{ name: '../../../../tmp/evil.json', data: good('slip') }, { name: '/etc/passwd', data: good('slip') }, { name: 'chats/../../x.json', data: good('slip') }, { name: 'C:\\x.json', data: good('slip') }],
    'names.zip': kTexts.map((text) => ({ name: `chats/${text.slice(0, 100)}.json`, data: good('name') })),
    'bomb.zip': [{ name: 'chats/a.json', data: zeros, says: 100 }],
    'claims.zip': [{ name: 'chats/a.json', data: json('[]'), says: 0xffffffff }],
    'twice.zip': [{ name: 'chats/a.json', data: zeros }, ...Array.from({ length: 200 }, (_, i) => ({ name: `chats/a${i}.json`, data: zeros, place: 0 }))],
    'many.zip': Array.from({ length: 60_001 }, () => ({ name: 'chats/a.json', data: json(''), place: 0 })),
    'cut.zip': [{ name: 'chats/a.json', data: good('cut'), packed: Buffer.from([0x4b, 0x4c]) }],
    'inside.zip': [{ name: 'chats/a.json', data: makeArchive([{ name: 'chats/a.json', data: zeros }]) }],
  };
  const broken = {
    'proto1.json': json(`${proto}"messages": "none"}`),
    'deep.json': json(`{"messages": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    'circle.json': json({ chat: {}, messages: [message('user', newId(), 'its parent is nowhere')] }),
    'roles.json': json({ chat: {}, messages: [message('system', '', 'x')] }),
    'html.json': json('<html><script>hit(1)</script></html>'),
    'empty.json': json(''),
    'zeros.json': zeros,
    ...Object.fromEntries(Object.entries(archives).map(([name, entries]) => [name, makeArchive(entries)])),
  };
  const proto2 = talkOf(['Its keys are __proto__']);
  const whole = {
    'proto2.json': json(`${proto}${JSON.stringify({ pictures: {} }).slice(1, -1)}, "chat": ${JSON.stringify(proto2.chat).replace('{', proto)}, "messages": ${JSON.stringify(proto2.messages).replaceAll('"facts":{}', '"facts":{"__proto__":{"polluted":1},"timings":{"__proto__":1,"constructor":2}}')}}`),
    'foreign.json': json(kTexts.slice(0, 40).map((text, i) => ({ role: i % 2 ? 'assistant' : 'user', content: [{ type: 'text', text }, { type: 'image_url', image_url: { url: 'https://evil.test/x.png' } }] }))),
    'pictures.json': json({ ...talkOf(['Pictures from elsewhere']), pictures: { [`${'a'.repeat(64)}`]: 'data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9ImhpdCgxKSIvPg==', __proto__: 'x', 'https://evil.test/x': 'https://evil.test/x' } }),
    'marks.md': json(`# <img src=x onerror=hit(1)>\n\n<!-- thimble: user -->\n**You**\n\n<script>hit(1)</script>\n\n<!-- thimble: assistant -->\n**<img src=x onerror=hit(1)>**\n\n![x](https://evil.test/md)\n`),
  };
  return { broken, whole };
}

async function asImports(guarded) {
  const { page, service } = guarded;
  const { broken, whole } = badFiles();
  const number = async () => (await service.request('GET', '/thimble/v1/chats?search=&folder=&most=1000')).chats.length;
  const take = async (name, buffer) => {
    await page.clock.fastForward(20_000); // what was said before is gone
    await page.locator('.toast').waitFor({ state: 'detached' });
    await page.getByTestId('import-input').setInputFiles({ name, mimeType: '', buffer });
    const text = await page.locator('.toast').textContent({ timeout: 20_000 });
    await guarded.clean(name);
    return text;
  };
  await page.clock.install();
  await page.reload();
  const before = await number();
  for (const [name, buffer] of Object.entries(broken)) {
    const said = await take(name, buffer);
    check(/no chat or archive/.test(said), `${name}: the page says ${said}`);
  }
  check((await number()) === before, 'something of a broken file was kept');
  for (const [name, buffer] of Object.entries(whole)) await take(name, buffer);
  check((await number()) === before + Object.keys(whole).length, `${(await number()) - before} of ${Object.keys(whole).length} files came in`);
  for (const item of await page.getByTestId('chat-item').all()) {
    await item.locator('a').click();
    await guarded.clean('a chat that was imported');
  }
  await guarded.usable('imports');
}

// What is long or deep: it opens, and the page takes keys, within seconds.
async function asLongTexts(guarded) {
  const { page, service } = guarded;
  const slowest = { seconds: 0, name: '' };
  for (const entry of corpus.long) {
    const talk = talkOf(['short']);
    talk.messages[1].reasoning = '';
    talk.messages[1].text = longText(entry);
    if (entry.asked) talk.messages[0].text = talk.messages[1].text;
    await service.request('POST', '/thimble/v1/chats/import', talk);
    const from = performance.now();
    await page.goto(`${service.url}/#/chat/${talk.chat.id}`);
    const isThere = await page.locator(`[data-id=${talk.messages[1].id}] .markdown`).waitFor({ timeout: 20_000, state: 'attached' }).then(() => true, () => false);
    check(isThere, `${entry.name}: it does not open in 20 s`);
    await guarded.usable(entry.name, 20);
    const seconds = (performance.now() - from) / 1000;
    if (seconds > slowest.seconds) Object.assign(slowest, { seconds, name: entry.name });
    if (process.env['VERBOSE']) console.log(`${seconds.toFixed(2)} s  ${entry.name}`);
    await guarded.clean(entry.name);
    await page.goto(`${service.url}/#/about`);
    await service.request('DELETE', `/thimble/v1/chats/${talk.chat.id}`);
  }
  console.log(`          slowest: ${slowest.name}, ${slowest.seconds.toFixed(1)} s`);
}

async function asFormulas(guarded, folder) {
  const { page, service } = guarded;
  const talk = talkOf(['short']);
  talk.messages[1].text = kFormulas.map((tex, i) => (i % 2 ? `$$${tex}$$` : `Formula ${i}: $${tex}$`)).join('\n\n');
  await service.request('POST', '/thimble/v1/chats/import', talk);
  await guarded.show(talk.chat.id);
  await page.setViewportSize({ width: 1000, height: 4000 });
  await page.locator(`[data-id=${talk.messages[1].id}] math`).nth(kFormulas.length - 1).waitFor({ state: 'attached' });
  await guarded.clean('formulas');
  const look = await page.locator(`[data-id=${talk.messages[1].id}] .math`).evaluateAll((holders) => {
    const size = (element) => element.getBoundingClientRect();
    return holders.map((holder) => {
      const math = holder.querySelector('math');
      const parts = {};
      for (const fraction of holder.querySelectorAll('mfrac')) parts.isStacked = size(fraction.children[0]).bottom <= size(fraction.children[1]).top + 4;
      for (const power of holder.querySelectorAll('msup')) parts.isRaised = size(power.children[1]).top < size(power.children[0]).bottom - size(power.children[1]).height / 2 && parseFloat(getComputedStyle(power.children[1]).fontSize) <= parseFloat(getComputedStyle(power.children[0]).fontSize);
      for (const coloured of holder.querySelectorAll('[style*=color]')) parts.colour = getComputedStyle(coloured).color;
      return { tex: holder.dataset.tex, width: math ? size(math).width : 0, height: math ? size(math).height : 0, display: math?.getAttribute('display') ?? (math && getComputedStyle(math).display), ...parts };
    });
  });
  check(look.length === kFormulas.length, `${look.length} of ${kFormulas.length} formulas`);
  for (const one of look) check(one.width > 4 && one.height > 6, `a formula has no size: ${JSON.stringify(one)}`);
  for (const one of look) check(one.isStacked !== false && one.isRaised !== false, `a formula does not look like one: ${JSON.stringify(one)}`);
  check(look.filter((one) => one.isStacked).length > 4 && look.filter((one) => one.isRaised).length > 4, 'no fractions or powers were looked at');
  check(look.some((one) => one.colour === 'rgb(255, 0, 0)'), 'no formula is red');
  if (folder) await page.locator(`[data-id=${talk.messages[1].id}]`).screenshot({ path: join(folder, 'formulas.png') });
}

main(async () => {
  const values = readArguments({ pictures: '', only: '' });
  const steps = new Steps('attacks');
  const step = async (name, what, work) => (values.only === '' || values.only === name ? steps.run(what, work) : undefined);
  // Those that the server takes apart alone, the others some at a time.
  const replies = [...kTexts.filter(isSpecial), ...groupsOf(kTexts.filter((text) => !isSpecial(text)), 8).map((group) => group.join('\n\n'))];
  const rules = replies.map((say, i) => ({ user: `attack ${String(i).padStart(3, '0')};`, say }));
  const service = await startService(values, { rules, default: 'Hello.' }, '--context', '4096');
  const guard = await startGuarded(service);
  const guarded = await steps.run(`${kTexts.length} texts; starts`, () => guard.open());

  await step('headers', 'the headers', () => theHeaders(service));
  await step('model', 'as a model\'s words', () => fromTheModel(guarded, replies));
  const talks = groupsOf(kTexts, 14).map(talkOf);
  await step('store', 'as messages of the store', async () => {
    for (const talk of talks) await service.request('POST', '/thimble/v1/chats/import', talk);
    await fromTheStore(guarded, talks.map(({ chat }) => chat.id));
    await isHeard(guarded, /report: style/, () => document.body.setAttribute('style', 'color: red'));
    await guarded.page.evaluate(() => document.body.removeAttribute('style'));
    await isHeard(guarded, /ran: hit/, () => window.hit(1));
    await isHeard(guarded, /a link to javascript/, () => {
      const link = Object.assign(document.createElement('a'), { href: 'javascript:hit(1)', textContent: 'x' });
      document.querySelector('.markdown').append(link);
      setTimeout(() => link.remove(), 1000);
    });
    await guarded.page.waitForTimeout(1000);
  });
  await step('store', 'the same with no content policy', async () => {
    const open = await guard.open({ bypassCSP: true });
    await fromTheStore(open, talks.map(({ chat }) => chat.id));
    await isHeard(open, /left: GET https:\/\/evil\.test/, () => document.body.append(Object.assign(document.createElement('img'), { src: 'https://evil.test/heard' })));
    await open.context.close();
  });
  await step('names', 'as titles, folders and other names', () => asNames(service, guarded));
  await step('files', 'as names of files', () => asFileNames(guarded));
  await step('long', 'as long and deep texts', () => asLongTexts(guarded));
  await step('formulas', `${kFormulas.length} formulas`, () => asFormulas(guarded, values.pictures));
  await guarded.context.close();
  await service.stop();
  await step('imports', 'as files that are taken in', async () => {
    const fresh = await startService(values, { default: 'Hello.' });
    const other = await startGuarded(fresh);
    await asImports(await other.open());
    await other.close();
    await fresh.stop();
  });
  await guard.close();
  await step('elsewhere', 'from pages of other sites and other programs', () => attackFromElsewhere(values));
  steps.end();
});
