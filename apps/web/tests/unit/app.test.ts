// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
// The page's side of the Android app: its port, pictures, the self-check's report.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromBase64, toBase64 } from '../../src/android/base64';
import { Bridge } from '../../src/android/bridge';
import { heatOf } from '../../src/android/heat';
import { ModelArrival } from '../../src/android/model_arrival.svelte';
import { AppDecoder, AppPictures } from '../../src/android/pictures';
import { PortTransport } from '../../src/android/port_transport';
import type { AppEvents, ToApp } from '../../src/android/protocol';
import { checkLines, hasPassed, reportText } from '../../src/android/self_check';
import { textOf, type Transport, type TransportRequest } from '../../src/lib/transport/transport';
import { jsonAnswer } from '../../src/engine/made_answer';
import { FakePort } from './fake_port';

afterEach(() => vi.unstubAllGlobals());

function open(): { bridge: Bridge; port: FakePort; transport: PortTransport } {
  const bridge = new Bridge();
  const transport = new PortTransport(bridge);
  const port = new FakePort();
  bridge.attach(port);
  return { bridge, port, transport };
}
const asked = async (port: FakePort) => {
  await vi.waitFor(() => expect(port.got.length).toBeGreaterThan(0));
  return port.got.at(-1) as Extract<ToApp, { type: 'request' }>;
};

describe('base64', () => {
  it('takes all bytes, of any length', () => {
    for (const length of [0, 1, 2, 3, 0x5fff, 0x6000, 0x6001, 100_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255);
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
    }
    expect(() => fromBase64('no base64!')).toThrow();
  });
});

describe('The bridge', () => {
  it('keeps what is said until there is a port', async () => {
    const bridge = new Bridge();
    bridge.send({ type: 'copy', text: 'one' });
    const port = new FakePort();
    bridge.attach(port);
    bridge.send({ type: 'copy', text: 'two' });
    await vi.waitFor(() => expect(port.got).toEqual([{ type: 'copy', text: 'one' }, { type: 'copy', text: 'two' }]));
  });

  it('takes one message or those of a frame, in their order, and passes over what is none', () => {
    const { bridge, port } = open();
    const seen: unknown[] = [];
    bridge.on('stop', () => seen.push('stop'));
    bridge.on('import', ({ name, bytes }) => seen.push([name, bytes]));
    for (const data of ['{', '7', 'null', '[null, 3, [], {}]', '{"type": "event", "event": "unknown"}', 42, { type: 'event', event: 'stop' }, '{"type": "event", "event": "decision"}']) port.say(data);
    expect(seen).toEqual([]);
    port.say('{"type": "event", "event": "stop"}');
    port.say('[{"type": "event", "event": "import", "name": "a.gguf", "bytes": 1}, {"type": "event", "event": "stop"}]');
    // Where "name" tells the event, what it names stands in "file".
    port.say('{"type": "event", "name": "import", "file": "b.gguf", "bytes": 2}');
    expect(seen).toEqual(['stop', ['a.gguf', 1], 'stop', ['b.gguf', 2]]);
  });
});

describe('PortTransport', () => {
  it('sends texts as texts and files as base64', async () => {
    const { port, transport } = open();
    void transport.request({ method: 'POST', path: '/a%20b?x=1', body: 'grüße' });
    expect(await asked(port)).toMatchObject({ type: 'request', method: 'POST', path: '/a b', query: 'x=1', text: 'grüße' });
    void transport.request({ method: 'PUT', path: '/c', body: new Blob([new Uint8Array([255, 0, 1])], { type: 'image/bmp' }) });
    await vi.waitFor(() => expect(port.got).toHaveLength(2));
    expect(port.got[1]).toMatchObject({ base64: '/wAB', headers: expect.arrayContaining([['content-type', 'image/bmp'], ['content-length', '3']]) as unknown });
  });

  it('says that the engine ended to what runs, and to what is asked until it is there again', async () => {
    const { port, transport } = open();
    const first = transport.request({ method: 'GET', path: '/' });
    const { id } = await asked(port);
    port.tell({ type: 'failed', id, message: 'it ended' });
    await expect(first).rejects.toMatchObject({ status: 0, code: 'engine_died', message: 'it ended' });
    for (const [again, code] of [[true, 'engine_died'], [false, 'engine_ended']] as const) {
      port.say(JSON.stringify({ type: 'event', event: 'died', message: 'no memory', again }));
      await expect(transport.request({ method: 'GET', path: '/' })).rejects.toMatchObject({ status: 0, code });
    }
    port.say('{"type": "event", "event": "started", "version": "", "isa": "", "threads": 1}');
    port.got.length = 0;
    const next = transport.request({ method: 'GET', path: '/' });
    const { id: nextId } = await asked(port);
    port.say(JSON.stringify([{ type: 'answer', id: nextId, status: 200, headers: [] }, { type: 'part', id: nextId, text: 'here' }, { type: 'end', id: nextId }]));
    expect(await textOf(await next)).toBe('here');
  });

  it('loses what runs where the app made its side anew, and goes on over the new port', async () => {
    const { bridge, port, transport } = open();
    const answer = transport.request({ method: 'GET', path: '/' });
    await asked(port);
    const other = new FakePort();
    bridge.attach(other);
    await expect(answer).rejects.toMatchObject({ status: 0, code: 'unreachable' });
    expect(port.isClosed).toBe(true);
    void transport.request({ method: 'GET', path: '/again' });
    expect(await asked(other)).toMatchObject({ path: '/again' });
  });

  it('takes a part that cannot be read for a lost connection, and says that nobody waits', async () => {
    const { port, transport } = open();
    const asking = transport.request({ method: 'GET', path: '/' });
    const { id } = await asked(port);
    port.say(JSON.stringify([{ type: 'answer', id, status: 200, headers: [] }, { type: 'part', id, base64: '*' }, { type: 'part', id, text: 'late' }]));
    await expect(textOf(await asking)).rejects.toMatchObject({ status: 0 });
    await vi.waitFor(() => expect(port.got.at(-1)).toEqual({ type: 'cancel', id }));
  });
});

describe('Pictures of the app', () => {
  const png = () => {
    const bytes = new Uint8Array(64);
    bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    new DataView(bytes.buffer).setUint32(16, 30);
    new DataView(bytes.buffer).setUint32(20, 20);
    return bytes;
  };
  // As much of a browser as decoding needs: every bitmap is 30 x 20 and red.
  function browser(decodes: (file: Blob) => boolean): void {
    vi.stubGlobal('createImageBitmap', async (file: Blob) => {
      if (!decodes(file)) throw new Error('cannot decode');
      return { width: 30, height: 20, close: () => undefined };
    });
    vi.stubGlobal('OffscreenCanvas', class {
      getContext = () => ({ clearRect: () => undefined, drawImage: () => undefined, getImageData: (_x: number, _y: number, width: number, height: number) => ({ data: new Uint8ClampedArray(width * height * 4).fill(255) }) });
    });
  }
  function played(): { transport: AppPictures; sent: TransportRequest[]; port: FakePort } {
    const { bridge, port } = open();
    const sent: TransportRequest[] = [];
    const inner: Transport = { request: async (request) => (sent.push(request), jsonAnswer(200, { id: `id${sent.length}`, sha256: 'c'.repeat(64), width: 30, height: 20 })) };
    return { transport: new AppPictures(inner, new AppDecoder(bridge), () => Promise.reject(new Error('not here'))), sent, port };
  }

  it('are kept as the BMP that was sent', async () => {
    browser(() => true);
    const { transport, sent, port } = played();
    const answer = await transport.request({ method: 'PUT', path: '/thimble/v1/pictures?keep=1', body: new Blob([png()], { type: 'image/png' }) });
    expect(JSON.parse(await textOf(answer))).toMatchObject({ sha256: 'c'.repeat(64) });
    expect(sent[0]).toMatchObject({ path: '/thimble/v1/pictures?keep=1', headers: { 'content-type': 'image/bmp' } });
    const bytes = new Uint8Array(await (sent[0]!.body as Blob).arrayBuffer());
    expect([bytes[0], bytes[1], bytes.length]).toEqual([0x42, 0x4d, 54 + 92 * 20]);
    expect(port.got).toEqual([]);
  });

  it('of chats that are not kept are sent again to an engine that was started anew', async () => {
    browser(() => true);
    const { transport, sent } = played();
    const { sha256 } = JSON.parse(await textOf(await transport.request({ method: 'PUT', path: '/thimble/v1/pictures', body: new Blob([png()], { type: 'image/png' }) }))) as { sha256: string };
    const ask = async () => {
      await transport.request({ method: 'POST', path: '/v1/chat/completions', body: JSON.stringify({ url: `thimble:${sha256}` }) });
      return sent.splice(0).map(({ method, body }) => (typeof body === 'string' ? body : method));
    };
    expect(sent.splice(0)).toHaveLength(1);
    expect(await ask()).toEqual(['{"url":"thimble:id1"}']);
    transport.forget();
    expect(await ask()).toEqual(['PUT', '{"url":"thimble:id1"}']);
  });

  it('that the web view cannot decode go to the app, once', async () => {
    browser((file) => file.type === 'image/jpeg');
    const { transport, sent, port } = played();
    const file = new File([new Uint8Array(32).fill(7)], 'photo.heic', { type: 'image/heic' });
    const first = transport.request({ method: 'PUT', path: '/thimble/v1/pictures?keep=1', body: file });
    await vi.waitFor(() => expect(port.got).toHaveLength(1));
    const decode = port.got[0] as Extract<ToApp, { type: 'decode' }>;
    expect(decode).toMatchObject({ type: 'decode', name: 'photo.heic', base64: Buffer.alloc(32, 7).toString('base64') });
    port.tell({ type: 'decoded', id: decode.id, base64: btoa('jpeg') });
    expect((await first).status).toBe(200);
    expect((await transport.request({ method: 'PUT', path: '/thimble/v1/pictures', body: file })).status).toBe(200);
    expect(sent).toHaveLength(2);
    expect(port.got).toHaveLength(1);
  });

  it('that the app cannot decode either are refused in its words, and may be tried again', async () => {
    browser(() => false);
    const { transport, port } = played();
    const file = new Blob([new Uint8Array(32)], { type: 'image/heic' });
    for (let tries = 1; tries <= 2; tries++) {
      const answer = transport.request({ method: 'PUT', path: '/thimble/v1/pictures?keep=1', body: file });
      await vi.waitFor(() => expect(port.got).toHaveLength(tries));
      port.tell({ type: 'decoded', id: (port.got[tries - 1] as { id: number }).id, error: 'This file is broken.' });
      const told = await answer;
      expect([told.status, JSON.parse(await textOf(told))]).toMatchObject([415, { error: { message: 'This file is broken.' } }]);
    }
  });

  it('with more pixels than a web view should hold go to the app, and are too large where it refuses', async () => {
    browser(() => true);
    const { transport, port } = played();
    const bytes = png();
    new DataView(bytes.buffer).setUint32(16, 8000);
    new DataView(bytes.buffer).setUint32(20, 6000);
    const answer = transport.request({ method: 'PUT', path: '/thimble/v1/pictures?keep=1', body: new Blob([bytes], { type: 'image/png' }) });
    await vi.waitFor(() => expect(port.got).toHaveLength(1));
    port.tell({ type: 'decoded', id: (port.got[0] as { id: number }).id, error: 'no memory' });
    expect((await answer).status).toBe(413);
  });
});

describe('A model that the app copies', () => {
  const told = (more: Partial<AppEvents['import']>): AppEvents['import'] => ({ name: 'a.gguf', bytes: 0, total: 100, state: 'copying', ...more });

  it('is sent, prepared, done, or stopped with a reason', async () => {
    const { bridge, port } = open();
    const one = new ModelArrival('a.gguf', bridge);
    expect([one.name, new ModelArrival('Qwen3.5-2B', bridge).name]).toEqual(['a', 'Qwen3.5-2B']);
    one.take(told({ bytes: 40 }));
    expect([one.state, one.sent, one.total]).toEqual(['sending', 40, 100]);
    one.take(told({ state: 'packing', bytes: 7 }));
    expect([one.state, one.sent]).toEqual(['sending', 100]);
    one.take(told({ state: 'failed', message: 'The phone is full.' }));
    expect([one.state, one.fault]).toEqual(['paused', 'The phone is full.']);
    one.stop(); // nothing runs
    await one.run();
    one.take(told({ bytes: 50 }));
    one.stop();
    await vi.waitFor(() => expect(port.got).toEqual([{ type: 'pick-model' }, { type: 'cancel-import', name: 'a.gguf' }]));
    one.take(told({ state: 'done', bytes: 100 }));
    expect([one.state, one.fault]).toEqual(['done', '']);
  });
});

describe('The self-check', () => {
  const report = {
    version: '0.7.0',
    passed: false,
    processor: { cores: 8, features: ['neon', 'dotprod'] },
    kernels: { passed: true, isa: 'neon', detail: 'all tables agree' },
    checks: [{ name: 'system calls', passed: true }, { name: 'mapping', ok: false, error: 'refused' }],
    cores: [{ cpu: 0, max: 1.8 }, { cpu: 4, max: 2.4 }],
    answer: { tokens: 12, speed: { read: 40.512345678, write: 9 } },
    nothing: null,
    tables: [{ name: 'neon', runs: true, passed: true, wrong: '' }, { name: 'sve', runs: false, passed: null, wrong: '' }],
    calls: { openat: true, rseq: false, mmap: true },
    file: { mapped: true, bytes: 7 },
  };

  it('is lines, with a verdict where there is one', () => {
    expect(checkLines(report)).toEqual([
      { name: 'version', value: '0.7.0', good: null },
      { name: 'processor / cores', value: '8', good: null },
      { name: 'processor / features', value: 'neon, dotprod', good: null },
      { name: 'kernels', value: 'isa neon, detail all tables agree', good: true },
      { name: 'system calls', value: '', good: true },
      { name: 'mapping', value: 'error refused', good: false },
      { name: 'cores 1 / cpu', value: '0', good: null },
      { name: 'cores 1 / max', value: '1.8', good: null },
      { name: 'cores 2 / cpu', value: '4', good: null },
      { name: 'cores 2 / max', value: '2.4', good: null },
      { name: 'answer / tokens', value: '12', good: null },
      { name: 'answer / speed / read', value: '40.512', good: null },
      { name: 'answer / speed / write', value: '9', good: null },
      { name: 'nothing', value: '–', good: null },
      { name: 'tables / neon', value: 'runs true', good: true },
      { name: 'tables / sve', value: 'runs false', good: null },
      { name: 'calls', value: '2 of 3, not rseq', good: false },
      { name: 'file / mapped', value: '', good: true },
      { name: 'file / bytes', value: '7', good: null },
    ]);
    expect(checkLines({ processor: { placed: [] } })).toEqual([{ name: 'processor / placed', value: '–', good: null }]);
    for (const odd of [null, 7, 'x', []]) expect(checkLines(odd)).toEqual([]);
  });

  it('passes by its own word, else by all of its lines', () => {
    expect(hasPassed(report)).toBe(false);
    expect(hasPassed({ passed: true, checks: [{ name: 'x', passed: false }] })).toBe(true);
    expect(hasPassed({ checks: [{ name: 'x', passed: false }] })).toBe(false);
    expect(hasPassed({ checks: [{ name: 'x', passed: true }] })).toBe(true);
  });

  it('is a text with all of it', () => {
    const text = reportText(report, { view: 'Chrome' });
    expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual({ view: 'Chrome', report });
  });
});

describe('heatOf', () => {
  it('has a word for every class that Android knows, and none for none', () => {
    expect([-1, NaN, 0, 1, 2, 3, 4, 5, 6].map(heatOf)).toEqual([null, null, 'app.heatCool', 'app.heatLight', 'app.heatWarm', 'app.heatHot', 'app.heatTooHot', 'app.heatTooHot', 'app.heatTooHot']);
  });
});
