// SPDX-License-Identifier: Apache-2.0
// A module as a page's worker drives it: facts, chats, pictures, limits, what is hostile.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { Engine } from './host.mjs';
import { MemoryStorage } from './storage.mjs';
import { bmp, chat, fixture, isRelaxed, native, nativeReply, storageWith, threaded, wasm, withEngine } from './common.mjs';

const kText = 'text-tied-q8_0.gguf';
const threadCounts = threaded ? [1, 2] : [1];

test('the kernels pass their self-test, and the module says which it is', async () => {
  await withEngine({}, async (engine) => {
    const at = engine.exports.thimble_self_check();
    const found = JSON.parse(engine.text(at, engine.exports.thimble_text_length()));
    assert.equal(found.passed, true, found.detail);
    assert.equal(`thimble-${found.variant}.wasm`, path.basename(wasm));
    assert.match(found.isa, isRelaxed ? /relaxed/ : /simd128/);
  });
});

test('only the imports of the seam are asked for', () => {
  const module = new WebAssembly.Module(fs.readFileSync(wasm));
  const kPage = ['storage_list', 'storage_open', 'storage_read', 'storage_write', 'storage_size', 'storage_truncate', 'storage_flush', 'storage_close',
    'storage_delete', 'storage_rename', 'storage_free', 'answer_begin', 'answer_part', 'answer_end', 'log'];
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === 'thimble') assert.ok(kPage.includes(name), name);
    else assert.ok(from === 'wasi_snapshot_preview1' || (threaded && from === 'env' && name === 'memory'), `${from}.${name}`);
  }
  const exported = WebAssembly.Module.exports(module).map(({ name }) => name);
  for (const name of ['alloc', 'free', 'start', 'submit', 'cancel', 'pump', 'help', 'due', 'join', 'self_check', 'text_length'])
    assert.ok(exported.includes(`thimble_${name}`), name);
  if (threaded) for (const name of ['__stack_pointer', '__wasm_init_tls', '__tls_size', '__tls_align']) assert.ok(exported.includes(name), name);
});

test('without a model it is there, and says that it has none', async () => {
  await withEngine({ config: { page: { carrier: 'page', isolated: true } } }, async (engine) => {
    assert.equal(engine.started, 0);
    assert.equal((await engine.request('GET', '/health')).status, 200);
    assert.deepEqual((await engine.request('GET', '/v1/models')).json().data, []);
    const info = (await engine.request('GET', '/thimble/v1/info')).json();
    assert.equal(info.isolated, true);
    assert.equal(info.model.open, false);
    const answer = await engine.request('POST', '/v1/chat/completions', { body: chat('none', 'Hello') });
    assert.equal(answer.status, 503);
    assert.match(answer.text, /No model is open here yet/);
    assert.equal((await engine.request('GET', '/thimble/v1/chats')).status, 501);
    // Nothing to do: it may sleep.
    while (engine.turn());
    assert.ok(engine.exports.thimble_due() > 1);
  });
});

test('greedy answers are the same with every number of threads, and those of the native definition', async () => {
  const storage = await storageWith('tiny', kText);
  const answers = [];
  for (const threads of threadCounts) {
    await withEngine({ storage: storage.reopened(), threads }, async (engine) => {
      const info = await engine.open('tiny');
      assert.equal(info.model.threads, threads);
      answers.push((await engine.request('POST', '/v1/chat/completions', { body: chat('tiny', 'The quick brown fox') })).json());
    });
  }
  for (const answer of answers) assert.deepEqual(answer.choices, answers[0].choices);
  assert.ok(answers[0].choices[0].logprobs.content.length > 4);
  if (native === undefined || isRelaxed) return; // whose multiply-adds round once
  const reply = nativeReply(kText, 'The quick brown fox');
  assert.equal(answers[0].choices[0].message.content, reply.text);
  assert.equal(answers[0].usage.completion_tokens, reply.stats.tokens);
});

test('a long prompt is read in passes, with the same answer at every number of threads', async () => {
  const storage = await storageWith('tiny', kText);
  const prompt = Array.from({ length: 700 }, (_, i) => 40 + ((7 * i) % 200));
  const answers = [];
  for (const threads of threadCounts) {
    await withEngine({ storage: storage.reopened(), threads, config: { context: 1024 } }, async (engine) => {
      await engine.open('tiny');
      const answer = await engine.request('POST', '/v1/completions', { body: { model: 'tiny', prompt, temperature: 0, max_tokens: 8, logprobs: 1 } });
      assert.equal(answer.status, 200, answer.text);
      answers.push(answer.json().choices);
    });
  }
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
});

test('streams come in parts, and can be read again by their name, from any event on', async () => {
  const storage = await storageWith('tiny', kText);
  const eventsOf = (text) => text.split('\n\n').filter((event) => event.startsWith('data: '));
  await withEngine({ storage }, async (engine) => {
    const parts = [];
    const headers = { 'x-conversation-id': 'conversation-1-answer-1' };
    const answer = await engine.request('POST', '/v1/chat/completions', { headers, body: chat('tiny', 'One', { stream: true }), onPart: (part) => parts.push(part) });
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /text\/event-stream/);
    assert.ok(parts.length > 3);
    assert.match(answer.text, /data: \[DONE\]/);
    const events = eventsOf(answer.text);
    for (const from of [0, 1, events.length - 1]) {
      const again = await engine.request('GET', '/thimble/v1/answers/conversation-1-answer-1', { query: `from=${from}` });
      assert.equal(again.status, 200, again.text);
      assert.deepEqual(eventsOf(again.text), events.slice(from));
    }
  });
});

test('an answer whose reader left goes on, and is read on by its name', async () => {
  const storage = await storageWith('tiny', kText);
  const eventsOf = (text) => text.split('\n\n').filter((event) => event.startsWith('data: '));
  await withEngine({ storage }, async (engine) => {
    const body = chat('tiny', 'One', { stream: true, max_tokens: 60, logprobs: false, ignore_eos: true });
    const id = engine.submit('POST', '/v1/chat/completions', { headers: { 'x-conversation-id': 'left-1' }, body });
    const heard = () => eventsOf(Buffer.concat(engine.answer(id).parts).toString());
    await engine.until(() => heard().length > 5);
    engine.exports.thimble_cancel(id);
    const before = heard();
    assert.equal(engine.answer(id).ended, false);
    const rest = await engine.request('GET', '/thimble/v1/answers/left-1', { query: `from=${before.length}` });
    assert.equal(rest.status, 200, rest.text);
    assert.deepEqual(heard(), before);
    assert.equal(eventsOf(rest.text).at(-1), 'data: [DONE]');
    const whole = await engine.request('GET', '/thimble/v1/answers/left-1', { query: 'from=0' });
    assert.deepEqual(eventsOf(whole.text), [...before, ...eventsOf(rest.text)]);
    assert.equal((await engine.request('GET', '/thimble/v1/answers/left-2')).status, 404);
  });
});

test('a picture is read, as the same pixels are natively', async () => {
  const storage = await storageWith('eyes', 'vl-q8_0.gguf', 'mmproj-vl-f16.gguf');
  const picture = bmp(96, 64, (x, y) => [(5 * x) % 256, (3 * y) % 256, (x * y) % 256]);
  const url = `data:image/bmp;base64,${picture.toString('base64')}`;
  const content = [{ type: 'image_url', image_url: { url } }, { type: 'text', text: 'What is it?' }];
  const answers = [];
  for (const threads of threadCounts) {
    await withEngine({ storage: storage.reopened(), threads }, async (engine) => {
      const info = await engine.open('eyes');
      assert.equal(info.model.sees, true, info.model.why_blind);
      const put = await engine.request('PUT', '/thimble/v1/pictures', { headers: { 'content-type': 'image/bmp' }, body: picture });
      assert.equal(put.status, 200, put.text);
      const answer = await engine.request('POST', '/v1/chat/completions', { body: chat('eyes', content, { detail: 'file' }) });
      assert.equal(answer.status, 200, answer.text);
      answers.push(answer.json());
      const wrong = await engine.request('PUT', '/thimble/v1/pictures', { headers: { 'content-type': 'image/png' }, body: new Uint8Array(100) });
      assert.equal(wrong.status, 415);
      assert.match(wrong.text, /BMP only/);
    });
  }
  for (const answer of answers) assert.deepEqual(answer.choices, answers[0].choices);
  if (native === undefined || isRelaxed) return;
  const file = path.join(os.tmpdir(), `thimble-${process.pid}.bmp`);
  fs.writeFileSync(file, picture);
  const reply = nativeReply('vl-q8_0.gguf', 'What is it?', ['--image', file, '--mmproj', path.join(process.env.THIMBLE_FIXTURES, 'gguf/mmproj-vl-f16.gguf'), '--detail', 'auto']);
  fs.rmSync(file);
  assert.equal(answers[0].usage.prompt_tokens, reply.stats.prompt_tokens);
  assert.equal(answers[0].choices[0].message.content, reply.text);
});

test('what does not fit into the memory is refused with a sentence, and the module lives on', async () => {
  const storage = await storageWith('tiny', kText);
  // The module's own memory has room: the limit is what counts.
  for (const context of [1 << 20, 64]) {
    await withEngine({ storage: storage.reopened(), config: { context, memory_bytes: 14 << 20 } }, async (engine) => {
      const answer = await engine.request('POST', '/v1/chat/completions', { body: chat('tiny', 'Hello') });
      assert.equal(answer.status, context > 64 ? 503 : 200, answer.text);
      if (context === 64) return;
      assert.match(answer.json().error.message, /could not be opened: .* needs .* free/);
      assert.equal((await engine.request('GET', '/v1/models')).status, 200);
      const [listed] = (await engine.request('GET', '/thimble/v1/models')).json().models;
      assert.match(listed.failure, /needs/);
      assert.equal(listed.failure_code, 'out_of_memory');
    });
  }
  if (!threaded) return;
  // A maximum that is just enough: nothing is taken beyond.
  const memoryBytes = 80 << 20;
  await withEngine({ storage: storage.reopened(), memoryBytes }, async (engine) => {
    await engine.open('tiny');
    assert.equal((await engine.request('POST', '/v1/chat/completions', { body: chat('tiny', 'Hello') })).status, 200);
    assert.ok(engine.memory.buffer.byteLength <= memoryBytes);
  });
});

test('cancelling is felt between two pumps, each of which is short', async () => {
  const storage = await storageWith('tiny', kText);
  await withEngine({ storage, config: { context: 4096 } }, async (engine) => {
    await engine.open('tiny');
    const id = engine.submit('POST', '/v1/completions', { body: { model: 'tiny', prompt: Array.from({ length: 3000 }, (_, i) => 40 + (i % 200)), max_tokens: 900 } });
    for (let i = 0; i < 5; ++i) engine.turn();
    const longest = Array.from({ length: 10 }, () => {
      const begin = process.cpuUsage(); // others have the processor, too
      engine.turn();
      return process.cpuUsage(begin).user / 1000;
    }).sort((a, b) => a - b)[8]; // but for one, in which the engine's code was compiled better
    engine.exports.thimble_cancel(id);
    const said = engine.answer(id).parts.length;
    while (engine.turn());
    assert.ok(longest < 100, `a pump took ${longest} ms`);
    assert.equal(engine.answer(id).parts.length, said);
    assert.equal(engine.answer(id).ended, false);
    engine.exports.thimble_cancel(id);
    engine.exports.thimble_cancel(NaN);
    engine.exports.thimble_cancel(-1);
    engine.exports.thimble_cancel(1e300);
    assert.equal((await engine.request('GET', '/health')).status, 200);
  });
});

test('hostile heads, bodies and configurations are answered with a sentence', async () => {
  await withEngine({}, async (engine) => {
    const heads = ['', '{', '[]', 'null', '{}', '{"method":"GET"}', '{"method":"get","path":"/"}', '{"method":"GET","path":"x"}', '{"method":"GET","path":1}',
      '{"method":"GET","path":"/","headers":{}}', '{"method":"GET","path":"/","headers":[["a"]]}', '{"method":"GET","path":"/","headers":[["",""]]}',
      `{"method":"GET","path":"/${'x'.repeat(70000)}"}`, '['.repeat(60000), `{"method":"GET","path":"/","headers":[${'["a","b"],'.repeat(200)}["a","b"]]}`, '\u0000\ud800'];
    for (const head of heads) {
      const answer = engine.answer(engine.submitRaw(head));
      assert.equal(answer.status, 400, head.slice(0, 80));
      assert.ok(answer.ended);
      assert.ok(JSON.parse(Buffer.concat(answer.parts).toString()).error.message.length > 10);
    }
    const bodies = ['', '{', '[1]', '{"messages":7}', '{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/bmp;base64,Qk0="}}]}]}'];
    for (const body of bodies) {
      const answer = await engine.request('POST', '/v1/chat/completions', { headers: { 'content-type': 'application/json' }, body });
      assert.ok(answer.status >= 400 && answer.status < 600);
    }
    assert.equal((await engine.request('GET', '/nothing')).status, 404);
    assert.equal((await engine.request('POST', '/v1/chat/completions', { body: 'x', headers: { 'content-type': 'text/plain' } })).status, 415);
    assert.equal((await engine.request('PUT', '/thimble/v1/pictures', { headers: { 'content-type': 'image/bmp' }, body: new Uint8Array(65 << 20) })).status, 413);
    assert.equal((await engine.request('GET', '/health')).status, 200);
  });
  const configs = ['', '[]', '{"threads":0}', '{"threads":1e9}', '{"context":-1}', '{"context":"4096"}', '{"kv":"f64"}', '{"page":[]}', '{"memory_bytes":-5}', '{"version":1}'];
  for (const config of configs) {
    const engine = new Engine({ wasm, storage: new MemoryStorage() });
    assert.equal(engine.startWith(config), -1, config);
    assert.equal(engine.log.length, 1);
    // What was not started answers nothing, and harms nothing.
    assert.equal(engine.exports.thimble_pump(), 0);
    engine.exports.thimble_cancel(1);
  }
});

test('workers share the allocator without harm', { skip: !threaded }, async () => {
  const engine = new Engine({ wasm, storage: new MemoryStorage() });
  const results = await Promise.all([1, 2].map(async (worker) => {
    const thread = await engine.spawn(worker, 1000000);
    return new Promise((resolve, reject) => {
      thread.on('message', resolve);
      thread.on('error', reject);
    });
  }));
  assert.deepEqual(results, [0, 0]);
  await engine.close();
});
