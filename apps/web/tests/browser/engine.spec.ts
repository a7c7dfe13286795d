// SPDX-License-Identifier: Apache-2.0
// The engine in the page's worker: chats, storage, and what goes wrong.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, gguf, isReady, kSeeing, kText, secondTab, share, test, type EnginePage } from './fixtures';

interface Chat {
  text: string;
  finish: string;
  usage: { prompt_tokens: number; completion_tokens: number };
}
interface Listed {
  models: { name: string; open: boolean }[];
  unfinished: { name: string; files: string[] }[];
}

test.skip(!isReady(), 'there are no modules (THIMBLE_WASM)');

// With the model of words open.
async function begin(engine: EnginePage, query = ''): Promise<void> {
  await engine.ready(query);
  await engine.importModel('words', kText);
  await engine.value('open', 'words');
}

test('a first chat with a model from a file chooser, and the second start from the pack', async ({ engine }) => {
  const { facts } = (await engine.ready()) as unknown as { facts: Record<string, unknown> };
  expect(facts).toMatchObject({ variant: 'relaxed-threads', threads: 2, isIsolated: true, storage: 'kept' });
  await engine.importModel('words', kText);
  const listed = await engine.value<Listed>('ask', 'GET', '/thimble/v1/models');
  expect(listed.models).toMatchObject([{ name: 'words', open: false }]);
  expect(listed.unfinished).toEqual([]);
  await engine.value('open', 'words');
  const first = await engine.value<Chat>('chat', 'Hello there');
  expect(first.usage.completion_tokens).toBeGreaterThan(0);

  await expect.poll(() => engine.page.evaluate(() => localStorage.getItem('thimble:model'))).toBe('words');
  await engine.page.reload();
  const state = await engine.until('ready');
  expect(state.toOpen).toBe('words');
  expect(await engine.page.evaluate(() => window.thimble.engine.openLast())).toBe(true);
  const second = await engine.value<Chat>('chat', 'Hello there');
  expect(second.text).toBe(first.text);
  expect(await engine.lines()).not.toContainEqual(expect.stringMatching(/begins anew|gone from/));
});

test('a module that does not run here is passed over, with a line in the log', async ({ engine }) => {
  const headers = { 'cross-origin-resource-policy': 'same-origin' };
  await engine.page.context().route('**/thimble-relaxed-threads.wasm*', (route) => route.fulfill({ body: 'no module', contentType: 'application/wasm', headers }));
  await engine.open();
  const { facts } = (await engine.until('ready')) as unknown as { facts: Record<string, unknown> };
  expect(facts['variant']).toBe('simd-threads');
  expect((await engine.lines()).join('\n')).toMatch(/relaxed-threads: CompileError.*the next module is tried/);
});

test('an answer streams, and is cancelled within a moment', async ({ engine }) => {
  await begin(engine);
  const body = { messages: [{ role: 'user', content: 'Tell me a long story' }], max_tokens: 4000, logit_bias: {}, ignore_eos: true };
  const told = await engine.value<{ events: number; wait: number; aborted: boolean }>('stream', body, 3);
  expect(told.aborted).toBe(true);
  expect(told.events).toBeLessThan(2000);
  // Who asks next waits for one call of the engine at most.
  expect(told.wait).toBeLessThan(400);
  expect((await engine.value<Chat>('chat', 'Hello')).usage.completion_tokens).toBeGreaterThan(0);
});

test('a new request gets through while an answer is written', async ({ engine }) => {
  await begin(engine);
  const waits = await engine.page.evaluate(async () => {
    const { transport } = window.thimble.engine;
    const answer = await transport.request({
      method: 'POST', path: '/v1/chat/completions', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ stream: true, max_tokens: 300, temperature: 0, ignore_eos: true, messages: [{ role: 'user', content: 'word '.repeat(300) }] }),
    });
    const found: number[] = [];
    for (let i = 0; i < 10; i++) {
      const asked = performance.now();
      const told = await transport.request({ method: 'GET', path: '/thimble/v1/info' });
      for await (const part of told.body()) if (part.length === 0) break;
      found.push(performance.now() - asked);
    }
    for await (const part of answer.body()) if (part.length === 0) break;
    return found.sort((a, b) => a - b);
  });
  expect(waits[5]).toBeLessThan(200);
});

test('chats about a picture, also when the engine has it no longer', async ({ engine }) => {
  await engine.ready('?context=2048');
  await engine.importModel('eyes', ...kSeeing);
  await engine.value('open', 'eyes');
  const picture = join(test.info().outputPath(), '..', `circle-${test.info().workerIndex}.png`);
  writeFileSync(picture, (await import('../e2e/png')).makePng(64, 48));
  await engine.choose(picture);
  const stored = await engine.value<{ sha256: string; width: number; height: number; tokens: { auto: number } }>('putPicture');
  expect(stored).toMatchObject({ width: 64, height: 48 });
  expect(stored.sha256).toMatch(/^[0-9a-f]{64}$/);
  const ask = { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: `thimble:${stored.sha256}` } }, { type: 'text', text: 'What is it?' }] }] };
  const first = await engine.value<Chat>('chat', '', ask);
  expect(first.usage.prompt_tokens).toBeGreaterThan(stored.tokens.auto);
  expect(await engine.page.evaluate(() => window.thimble.originals)).toEqual([]);
  // A new worker knows nothing of it: the page sends the kept file again.
  await engine.page.evaluate(() => window.thimble.engine.link.restart());
  await engine.until('ready');
  await engine.value('open', 'eyes');
  const second = await engine.value<Chat>('chat', '', ask);
  expect(second.text).toBe(first.text);
  expect(await engine.page.evaluate(() => window.thimble.originals)).toEqual([stored.sha256]);
});

// Answers one after the other, of which the last is far from its end for a while, however fast the engine is.
function longTalk(engine: EnginePage): ReturnType<EnginePage['call']> {
  const answers = Array.from({ length: 8 }, () => engine.call<Chat>('chat', 'Tell me a long story', { max_tokens: 2000, ignore_eos: true }));
  return answers.at(-1)!;
}

test('a worker that ends is told of, and another one goes on', async ({ engine }) => {
  await begin(engine);
  const chat = longTalk(engine);
  await engine.page.waitForTimeout(300);
  const worker = engine.page.workers().find((one) => /engine_worker/.test(one.url()))!;
  await worker.evaluate(() => self.close()).catch(() => undefined); // without a word
  expect((await chat).fault).toMatchObject({ status: 0, code: 'engine_died' });
  const state = await engine.until('ready');
  expect(state).toMatchObject({ restarts: 1 });
  await engine.value('open', 'words');
  expect((await engine.value<Chat>('chat', 'Hello')).usage.completion_tokens).toBeGreaterThan(0);
  expect((await engine.lines()).join('\n')).toContain('the engine ended');
});

test('two tabs: one has the engine, the other says so and can take over', async ({ engine }) => {
  await begin(engine);
  const other = await secondTab(engine);
  await other.open();
  await other.until('elsewhere');
  expect((await other.call('chat', 'Hello')).fault).toMatchObject({ status: 0, code: 'engine_elsewhere' });
  const chat = longTalk(engine);
  await engine.page.waitForTimeout(200);
  await other.page.evaluate(() => window.thimble.engine.link.takeOver());
  await other.until('ready');
  expect((await chat).fault).toMatchObject({ status: 0, code: 'engine_elsewhere' });
  await engine.until('elsewhere');
  await other.value('open', 'words');
  expect((await other.value<Chat>('chat', 'Hello')).usage.completion_tokens).toBeGreaterThan(0);
  // The other tab is closed: this one goes on by itself.
  await other.page.close();
  await engine.until('ready');
  await engine.value('open', 'words');
  expect(other.faults).toEqual([]);
});

test('a tab that does not let go is asked, then overruled, and says so at its end', async ({ engine }) => {
  await engine.ready();
  const worker = engine.page.workers().find((one) => /engine_worker/.test(one.url()))!;
  // It hears nothing any more, and keeps its files open.
  void worker.evaluate(() => {
    for (;;);
  }).catch(() => undefined);
  const other = await secondTab(engine);
  await other.open();
  await other.until('elsewhere');
  await other.page.evaluate(() => window.thimble.engine.link.takeOver());
  expect(await other.until('failed', 30_000)).toMatchObject({ code: 'storage_busy' });
  await engine.page.close();
  await other.page.evaluate(() => window.thimble.engine.link.restart());
  await other.until('ready');
});

test('an import that does not fit is refused with both numbers, and one that is full on the way is too', async ({ engine }) => {
  await engine.ready();
  const session = await engine.page.context().newCDPSession(engine.page);
  const { origin } = new URL(engine.url);
  const { usage } = await session.send('Storage.getUsageAndQuota', { origin });
  await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: usage + 1_000_000 });
  await engine.choose(gguf('text-untied-bf16.gguf'));
  const told = await engine.call('importFiles', 'words');
  expect(told.fault).toMatchObject({ status: 507, code: 'no_room' });
  expect(told.fault!.message).toMatch(/needs 40 MB .* 1 MB are free/);
  // The page's look goes wrong, and the engine's own finds it.
  const full = await engine.page.evaluate(async () => {
    const { engine: inside, files } = window.thimble;
    const transport = (inside.transport as unknown as { inner: { inner: { request(given: unknown): Promise<{ status: number }> } } }).inner.inner;
    const file = files()[0]!;
    const answer = await transport.request({ method: 'PUT', path: '/thimble/v1/models/words/w.gguf', body: file, headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes 0-${file.size - 1}/${file.size}` } });
    return answer.status;
  });
  expect(full).toBe(507);
  await session.send('Storage.overrideQuotaForOrigin', { origin });
  await engine.importModel('words', kText);
  await engine.value('open', 'words');
});

test('what is no model is refused and not kept; what is cut short goes on', async ({ engine, scratch }) => {
  await engine.ready();
  const broken = readFileSync(kText);
  broken.fill(0xff, 0, 4096);
  const file = join(scratch, 'broken.gguf');
  writeFileSync(file, broken);
  await engine.choose(file);
  const told = await engine.call('importFiles', 'broken');
  expect(told.fault).toMatchObject({ status: 400 });
  const after = await engine.value<Listed>('ask', 'GET', '/thimble/v1/models');
  expect(after.models).toEqual([]);

  // Half of a file, a reload, and the rest.
  await engine.choose(kText);
  await engine.page.evaluate(async () => {
    const { engine: { transport }, files } = window.thimble;
    const file = files()[0]!;
    const answer = await transport.request({ method: 'PUT', path: '/thimble/v1/models/words/w.gguf', body: file.slice(0, 300000), headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes 0-299999/${file.size}` } });
    if (answer.status !== 200) throw new Error(`${answer.status}`);
  });
  await engine.page.reload();
  await engine.until('ready');
  const there = await engine.value<{ bytes: number; whole: boolean }>('ask', 'GET', '/thimble/v1/models/words/w.gguf');
  expect(there).toMatchObject({ bytes: 300000, whole: false });
  await engine.choose(kText);
  await engine.page.evaluate(async () => {
    const { engine: { transport }, files } = window.thimble;
    const file = files()[0]!;
    const answer = await transport.request({ method: 'PUT', path: '/thimble/v1/models/words/w.gguf', body: file.slice(300000), headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes 300000-${file.size - 1}/${file.size}` } });
    if (answer.status !== 200) throw new Error(`${answer.status}`);
  });
  await engine.value('open', 'words');
});

test('a file is opened in place, without keeping it', async ({ engine }) => {
  await engine.ready();
  await engine.choose(kText);
  await engine.page.evaluate(() => window.thimble.engine.pick(window.thimble.files()));
  await engine.value('open', 'text-tied-q8_0.gguf');
  expect((await engine.value<Chat>('chat', 'Hello')).usage.completion_tokens).toBeGreaterThan(0);
  await engine.page.reload();
  await engine.until('ready');
  expect((await engine.value<Listed>('ask', 'GET', '/thimble/v1/models')).models).toEqual([]);
});

test('the built-in model comes from the same host, in pieces, and goes on after a break', async ({ engine, host }) => {
  share(kText, host.models, 200_000);
  const last = join(host.models, 'builtin.4.bin');
  const whole = readFileSync(last);
  writeFileSync(last, Buffer.alloc(whole.length));
  await engine.ready();
  const run = () => engine.page.evaluate(async () => {
    const { engine: inside, told } = window.thimble;
    const seen: number[] = [];
    const found = await inside.lookForBuiltin();
    return { bytes: found?.bytes, seen, ...(await told(() => inside.fetchBuiltin(found!, (bytes) => seen.push(bytes), new AbortController().signal))) };
  });
  const damaged = await run();
  expect(damaged).toMatchObject({ bytes: readFileSync(kText).length, seen: [0, 200_000, 400_000, 600_000, 800_000], fault: { code: 'share_damaged' } });
  writeFileSync(last, whole);
  const good = await run();
  expect(good).not.toHaveProperty('fault');
  expect(good.seen).toEqual([800_000, 827_200]);
  await engine.value('open', 'built-in');
});

test('a host without these pieces has none to give', async ({ engine }) => {
  await engine.ready();
  expect(await engine.page.evaluate(() => window.thimble.engine.lookForBuiltin())).toBeNull();
});

test('no model is opened unasked after the tab ended while loading one', async ({ engine }) => {
  await begin(engine);
  // What was said of this opening would be taken back at its end.
  await expect.poll(() => engine.page.evaluate(() => localStorage.getItem('thimble:model'))).toBe('words');
  await engine.page.evaluate(() => localStorage.setItem('thimble:loading', 'words'));
  // A crash sends no pagehide; a navigation does, so the page is told of none.
  await engine.page.evaluate(() => window.addEventListener('pagehide', (event) => event.stopImmediatePropagation(), { capture: true }));
  await engine.page.evaluate(() => (Storage.prototype.removeItem = () => undefined));
  await engine.page.reload();
  const state = await engine.until('ready');
  expect(state).toMatchObject({ crashed: 'words', toOpen: '' });
  expect(await engine.page.evaluate(() => window.thimble.engine.openLast())).toBe(false);
});

test.describe('a host without headers', () => {
  test.use({ isBare: true });

  test('runs with one thread', async ({ engine }) => {
    const { facts } = (await engine.ready()) as unknown as { facts: Record<string, unknown> };
    expect(facts).toMatchObject({ variant: 'simd', threads: 1, isIsolated: false });
    await engine.importModel('words', kText);
    await engine.value('open', 'words');
    expect((await engine.value<Chat>('chat', 'Hello')).usage.completion_tokens).toBeGreaterThan(0);
  });
});
