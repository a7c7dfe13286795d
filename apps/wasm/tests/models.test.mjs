// SPDX-License-Identifier: Apache-2.0
// Models that come into the page's storage: in pieces, cut off, wrong, without room, in the middle of a crash.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Engine } from './host.mjs';
import { MemoryStorage } from './storage.mjs';
import { chat, fixture, sha256, storageWith, wasm, withEngine } from './common.mjs';

const kFile = 'text-tied-q8_0.gguf';
const bytes = fixture(kFile);
const models = async (engine) => (await engine.request('GET', '/thimble/v1/models')).json();
const names = (storage) => [...storage.files.keys()].sort();

async function answers(engine, model) {
  const answer = await engine.request('POST', '/v1/chat/completions', { body: chat(model, 'Hello', { max_tokens: 4 }) });
  assert.equal(answer.status, 200, answer.text);
}

test('a model comes in pieces cut anywhere, and becomes one pack', async () => {
  const storage = new MemoryStorage();
  await withEngine({ storage }, async (engine) => {
    const answer = await engine.send('tiny', kFile, bytes, { pieces: [1, 4095, 100001, 7, 300000, 1 << 20], sha256: sha256(bytes) });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(answer.json(), { file: kFile, bytes: bytes.length, total: bytes.length, whole: true, sha256: sha256(bytes), name: 'tiny', model: true });
    assert.deepEqual(names(storage), ['tiny/model.pack']);
    const { models: listed, unfinished } = await models(engine);
    assert.deepEqual(listed.map(({ name }) => name), ['tiny']);
    assert.deepEqual(unfinished, []);
    await answers(engine, 'tiny');
    // Its name is taken.
    assert.equal((await engine.send('tiny', kFile, bytes)).status, 409);
  });
  // A second start reads the pack, and packs nothing.
  const second = storage.reopened();
  second.writesLeft = 0;
  await withEngine({ storage: second }, async (engine) => {
    await engine.open('tiny');
    await answers(engine, 'tiny');
  });
});

test('what was cut off is gone on with, after a reload too', async () => {
  const storage = new MemoryStorage();
  await withEngine({ storage }, async (engine) => {
    assert.equal((await engine.send('tiny', kFile, bytes, { pieces: [100000], to: 300000 })).status, 200);
    // A piece behind what is there, and one that says more than it has.
    assert.equal((await engine.send('tiny', kFile, bytes, { from: 400000, to: 400001 })).status, 416);
    const headers = { 'content-type': 'application/octet-stream', 'content-range': `bytes 300000-499999/${bytes.length}` };
    const short = await engine.request('PUT', `/thimble/v1/models/tiny/${kFile}`, { headers, body: bytes.subarray(300000, 400000) });
    assert.ok(short.status === 400, short.text);
  });
  await withEngine({ storage: storage.reopened() }, async (engine) => {
    const { unfinished } = await models(engine);
    assert.equal(unfinished[0].name, 'tiny');
    const there = (await engine.request('GET', `/thimble/v1/models/tiny/${kFile}`)).json();
    assert.equal(there.whole, false);
    assert.equal(there.bytes, 300000);
    const answer = await engine.send('tiny', kFile, bytes, { from: there.bytes, sha256: sha256(bytes) });
    assert.equal(answer.json().model, true, answer.text);
    await answers(engine, 'tiny');
  });
});

test('a wrong digest, and a file that is no model, are refused and not kept', async () => {
  const storage = new MemoryStorage();
  await withEngine({ storage }, async (engine) => {
    const wrong = await engine.send('tiny', kFile, bytes, { sha256: '0'.repeat(64) });
    assert.equal(wrong.status, 400);
    assert.match(wrong.text, /SHA-256/);
    assert.deepEqual(names(storage), []);
    for (const junk of [Buffer.from('no model at all, but long enough to be looked at'), bytes.subarray(0, 200000), Buffer.concat([Buffer.from('GGUF'), Buffer.alloc(5000, 0xff)])]) {
      const answer = await engine.send('junk', 'junk.gguf', junk);
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.text, /invalid_model/);
      assert.deepEqual(names(storage), []);
    }
    for (const file of ['model.safetensors', 'config.json']) assert.equal((await engine.send('x', file, bytes)).status, 400);
    for (const model of ['builtin', '.x', 'a%2Fb']) assert.equal((await engine.send(model, kFile, bytes)).status, 400);
    assert.equal((await engine.send('m'.repeat(128), `${'f'.repeat(120)}.gguf`, bytes)).status, 400);
  });
});

test('the vision file comes first, and the model with it', async () => {
  const storage = new MemoryStorage();
  await withEngine({ storage }, async (engine) => {
    const first = (await engine.send('eyes', 'mmproj-vl-f16.gguf', fixture('mmproj-vl-f16.gguf'))).json();
    assert.equal(first.model, false);
    assert.match(first.missing, /no model that writes text/);
    assert.equal((await engine.send('eyes', 'vl-q8_0.gguf', fixture('vl-q8_0.gguf'))).json().model, true);
    assert.deepEqual(names(storage), ['eyes/model.pack', 'eyes/vision.gguf']);
  });
  // One that does not fit is left out.
  const other = new MemoryStorage();
  await withEngine({ storage: other }, async (engine) => {
    await engine.send('blind', 'mmproj-vl-f16.gguf', fixture('mmproj-vl-f16.gguf'));
    assert.equal((await engine.send('blind', 'text-untied-q8_0.gguf', fixture('text-untied-q8_0.gguf'))).json().model, true);
    const info = await engine.open('blind');
    assert.equal(info.model.sees, false);
  });
});

test('without room there is a sentence, and what came is kept', async () => {
  const told = new MemoryStorage({ room: bytes.length });
  await withEngine({ storage: told }, async (engine) => {
    const answer = await engine.send('tiny', kFile, bytes);
    assert.equal(answer.status, 507);
    assert.match(answer.text, /takes .* has .* free/);
  });
  // A browser that says nothing and then takes less.
  const full = new MemoryStorage({ room: 300000 });
  full.free = () => -1;
  await withEngine({ storage: full }, async (engine) => {
    const answer = await engine.send('tiny', kFile, bytes, { pieces: [100000] });
    assert.equal(answer.status, 507);
    assert.match(answer.text, /no room left/);
    full.room = Infinity;
    const there = (await engine.request('GET', `/thimble/v1/models/tiny/${kFile}`)).json().bytes;
    assert.equal(there, 300000);
    assert.equal((await engine.send('tiny', kFile, bytes, { from: there })).json().model, true);
  });
  // Room for the file and not for the pack: half a pack goes, and the file stays until there is room.
  const tight = new MemoryStorage({ room: bytes.length + 100000 });
  tight.free = () => -1;
  await withEngine({ storage: tight }, async (engine) => {
    const answer = await engine.send('tiny', kFile, bytes);
    assert.equal(answer.status, 507, answer.text);
    assert.deepEqual(names(tight), [`tiny/.upload/${kFile}`]);
    tight.room = Infinity;
  });
  await withEngine({ storage: tight.reopened() }, async (engine) => {
    while (engine.turn());
    assert.deepEqual((await models(engine)).models.map(({ name }) => name), ['tiny']);
  });
});

test('a page that is gone at any write leaves a model, or what it is made from', async () => {
  const eyes = ['mmproj-vl-f16.gguf', 'vl-q8_0.gguf'];
  let total = 0;
  {
    const storage = new MemoryStorage();
    storage.writesLeft = 1e9;
    await withEngine({ storage }, async (engine) => {
      for (const file of eyes) await engine.send('eyes', file, fixture(file));
    });
    total = 1e9 - storage.writesLeft;
  }
  assert.ok(total > 20);
  for (let writes = 1; writes < total; writes += Math.ceil(total / 12)) {
    const storage = new MemoryStorage();
    storage.writesLeft = writes;
    const engine = await Engine.start({ wasm, storage });
    await assert.rejects(async () => {
      for (const file of eyes) await engine.send('eyes', file, fixture(file));
    }, /the page is gone/);
    const left = storage.reopened();
    await withEngine({ storage: left }, async (next) => {
      while (next.turn());
      assert.ok(!names(left).includes('eyes/.pack'));
      const { models: listed, unfinished } = await models(next);
      if (listed.length === 0) {
        // What is not whole is sent again, from where it was.
        for (const file of eyes) {
          const found = await next.request('GET', `/thimble/v1/models/eyes/${file}`);
          const there = found.status === 200 ? found.json() : { bytes: 0, whole: false };
          if (!there.whole) await next.send('eyes', file, fixture(file), { from: there.bytes });
        }
      }
      assert.ok(listed.length === 1 || unfinished.length <= 1);
      const info = await next.open('eyes');
      assert.equal(info.model.sees, true);
    });
  }
});

test('what the last page was deleting is deleted', async () => {
  const storage = await storageWith('eyes', 'vl-q8_0.gguf', 'mmproj-vl-f16.gguf');
  storage.rename('eyes/model.pack', 'eyes/.deleted');
  await withEngine({ storage }, async (engine) => {
    assert.deepEqual((await models(engine)).models, []);
    assert.deepEqual(names(storage), []);
  });
});

test('models are deleted, but not the one that answers', async () => {
  const storage = await storageWith('tiny', kFile);
  await withEngine({ storage }, async (engine) => {
    await engine.open('tiny');
    assert.equal((await engine.request('DELETE', '/thimble/v1/models/tiny')).status, 409);
    assert.equal((await engine.request('POST', '/thimble/v1/models/unload', { body: {} })).status, 204);
    while (engine.turn());
    assert.equal((await engine.request('DELETE', '/thimble/v1/models/tiny')).status, 200);
    assert.deepEqual(names(storage), []);
    assert.equal((await engine.request('DELETE', '/thimble/v1/models/tiny')).status, 404);
    assert.equal((await engine.request('GET', '/health')).status, 200);
  });
});

test('a picked file is opened in place and not kept', async () => {
  const storage = new MemoryStorage();
  storage.put('picked/My model.gguf', fixture('vl-q8_0.gguf'));
  storage.put('picked/mmproj.gguf', fixture('mmproj-vl-f16.gguf'));
  await withEngine({ storage }, async (engine) => {
    assert.deepEqual((await models(engine)).models.map(({ name }) => name), ['My model.gguf']);
    const info = await engine.open('My model.gguf');
    assert.equal(info.model.sees, true);
    await answers(engine, 'My model.gguf');
    assert.deepEqual(names(storage), ['picked/My model.gguf', 'picked/mmproj.gguf']);
  });
});

test('a damaged pack is not opened, and the sentence says what to do', async () => {
  const storage = await storageWith('tiny', kFile);
  const pack = storage.files.get('tiny/model.pack');
  for (let at = pack.size >> 2; at < pack.size - 200000; at += 4096) pack.bytes[at] ^= 0x55;
  await withEngine({ storage }, async (engine) => {
    await assert.rejects(() => engine.open('tiny'), /damaged: choose the model's files again/);
    assert.equal((await models(engine)).models[0].failure_code, 'damaged');
    assert.match(engine.log.join(), /\[load\]|\[pack\]/); // the format's own words
    assert.equal((await engine.request('DELETE', '/thimble/v1/models/tiny')).status, 200);
  });
});
