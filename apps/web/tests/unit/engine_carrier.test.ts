// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it, vi } from 'vitest';
import { fetchShare, lookForShare, readShare } from '../../src/engine/builtin_share';
import { EngineLink } from '../../src/engine/engine_link';
import { LoadingFlag } from '../../src/engine/loading_flag';
import { LoadingTransport } from '../../src/engine/loading_transport';
import { jsonAnswer } from '../../src/engine/made_answer';
import { PictureTransport, sha256Of } from '../../src/engine/picture_transport';
import { measureOf, roomFor, RoomTransport } from '../../src/engine/room';
import { WorkerTransport } from '../../src/engine/worker_transport';
import { sendPicture } from '../../src/lib/store/http_store';
import { ApiError, ask, errorOf, type Transport, type TransportRequest } from '../../src/lib/transport/transport';
import { kOptions } from './engine_options';
import { FakeWorker, kFacts } from './fake_worker';
import { PlayedService } from './transport_suite';

describe('EngineLink', () => {
  const open = (starts: (life: number) => boolean = () => true) => {
    const workers: FakeWorker[] = [];
    const service = new PlayedService();
    const link = new EngineLink(() => (workers.push(new FakeWorker(service, starts(workers.length))), workers.at(-1)!), kOptions);
    const states: string[] = [];
    link.onState(({ state }) => states.push(state));
    link.start();
    return { link, workers, states, transport: new WorkerTransport(link), until: (state: string) => vi.waitFor(() => expect(link.state.state).toBe(state)) };
  };

  it('starts another worker twice after it ended, and then says so', async () => {
    const { link, workers, transport, until } = open();
    for (let life = 0; life < 3; life++) {
      await until('ready');
      const answer = transport.request({ method: 'GET', path: '/silent' });
      const lost = expect(answer).rejects.toMatchObject({ name: 'ApiError', status: 0, code: 'engine_died' });
      await vi.waitFor(() => expect(workers[life]!.got.some(({ kind }) => kind === 'request')).toBe(true));
      if (life === 0) workers[0]!.die('unreachable');
      else workers[life]!.tell({ kind: 'state', state: { state: 'failed', code: 'died', message: 'unreachable' } });
      await lost;
      expect(workers[life]!.isEnded).toBe(true);
    }
    expect(link.state).toEqual({ state: 'failed', code: 'died', message: 'unreachable' });
    expect(workers.length).toBe(3);
    expect(link.lines.filter(({ text }) => text.includes('unreachable')).length).toBe(3);
    // The second crash of a module: the next one is tried.
    expect(workers[1]!.got[0]).toMatchObject({ options: { skip: [] } });
    expect(workers[2]!.got[0]).toMatchObject({ options: { skip: ['simd-threads'] } });
    link.restart();
    await until('ready');
  });

  it('hears a compute worker that ended, while the engine waits for it', async () => {
    const { link, workers, until } = open();
    await until('ready');
    const { port1, port2 } = new MessageChannel();
    // A port is moved, which the fake does not do.
    workers[0]!.onmessage!({ data: { kind: 'alarm', port: port1 } } as unknown as MessageEvent);
    port2.postMessage('unreachable');
    await vi.waitFor(() => expect(workers.length).toBe(2));
    await until('ready');
    expect(link.state).toMatchObject({ restarts: 1 });
    port2.close();
  });

  it('starts another worker when one hangs while it makes its threads', async () => {
    const { link, workers, until } = open((life) => life > 0);
    const patience = vi.spyOn(globalThis, 'setTimeout');
    const make = (isDone: boolean) => workers[0]!.onmessage!({ data: { kind: 'making', isDone } } as unknown as MessageEvent);
    make(false);
    make(true);
    make(false);
    const [first, second] = patience.mock.calls.filter(([, wait]) => wait === 10_000).map(([work]) => work as () => void);
    patience.mockRestore();
    expect(first).toBeDefined();
    expect(workers.length).toBe(1);
    second!(); // its time is over
    expect(workers[0]!.isEnded).toBe(true);
    await until('ready');
    expect(link.state).toMatchObject({ restarts: 1 });
    expect(link.lines.some(({ text }) => text.includes('hung'))).toBe(true);
  });

  it('waits for its turn after another tab took over, with a worker of its own', async () => {
    const { link, workers, transport, states, until } = open((life) => life === 0);
    await until('ready');
    const answer = transport.request({ method: 'GET', path: '/silent' });
    const lost = expect(answer).rejects.toMatchObject({ code: 'engine_elsewhere' });
    await vi.waitFor(() => expect(workers[0]!.got.some(({ kind }) => kind === 'request')).toBe(true));
    workers[0]!.tell({ kind: 'state', state: { state: 'yielded' } });
    await lost;
    workers[1]!.tell({ kind: 'state', state: { state: 'elsewhere' } });
    await until('elsewhere');
    await expect(transport.request({ method: 'GET', path: '/echo' })).rejects.toMatchObject({ code: 'engine_elsewhere' });
    link.takeOver();
    await vi.waitFor(() => expect(workers[1]!.got.some(({ kind }) => kind === 'takeOver')).toBe(true));
    workers[1]!.tell({ kind: 'state', state: { state: 'ready', facts: kFacts } });
    await until('ready');
    expect((await transport.request({ method: 'GET', path: '/echo' })).status).toBe(200);
    expect(states).not.toContain('failed');
  });

  it('gives chosen files to a new worker too', async () => {
    const { link, workers, until } = open();
    await until('ready');
    const file = new File(['x'], 'm.gguf');
    link.pick([{ name: 'm.gguf', file }]);
    workers[0]!.die('gone');
    await until('ready');
    await vi.waitFor(() => expect(workers[1]!.got).toContainEqual({ kind: 'pick', files: [{ name: 'm.gguf', file }] }));
  });
});

class Scripted implements Transport {
  readonly asked: TransportRequest[] = [];
  constructor(private readonly answer: (request: TransportRequest) => [number, unknown] | Promise<[number, unknown]>) {}
  async request(request: TransportRequest) {
    this.asked.push(request);
    const [status, body] = await this.answer(request);
    return jsonAnswer(status, body);
  }
}

describe('PictureTransport', () => {
  const file = new Blob(['jpeg'], { type: 'image/jpeg' });
  const asks = (sha256: string) => JSON.stringify({ messages: [{ image_url: { url: `thimble:${sha256}` } }] });
  const open = (shelf = new Set<string>()) => {
    const decoded: string[] = [];
    let running = 0;
    const inner = new Scripted(async ({ path, method, body }) => {
      if (method === 'PUT') {
        const id = `id${await (body as Blob).text()}`;
        shelf.add(id);
        return [200, { id, width: 4, height: 3, tokens: { low: 1, auto: 1, high: 1 }, seconds: 1 }];
      }
      const [, id] = /thimble:(\w+)/.exec(body as string)!;
      return shelf.has(id!) ? [200, { path, id }] : [400, { error: { message: 'gone', code: 'picture_not_found' } }];
    });
    const transport = new PictureTransport(inner, {
      async decode(one) {
        expect(++running).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 5));
        running--;
        const text = await one.text();
        decoded.push(text);
        if (text === 'no picture') throw new ApiError(415, 'picture_unreadable', 'This browser cannot read the picture');
        return new TextEncoder().encode(`BM${text}`);
      },
      async original(sha256) {
        if (sha256 !== (await sha256Of(file))) throw new ApiError(404, 'unknown', '');
        return file;
      },
    });
    return { transport, inner, decoded, shelf };
  };

  it('decodes pictures on their way, one at a time, and names them by their files', async () => {
    const { transport, inner } = open();
    const [stored, other] = await Promise.all([sendPicture(transport, file, true), sendPicture(transport, new Blob(['png'], { type: 'image/png' }), false)]);
    expect(stored).toMatchObject({ sha256: await sha256Of(file), width: 4, height: 3 });
    expect(other.sha256).not.toBe(stored.sha256);
    expect(inner.asked[0]).toMatchObject({ path: '/thimble/v1/pictures', headers: { 'content-type': 'image/bmp' } });
    expect(await (inner.asked[0]!.body as Blob).text()).toBe('BMjpeg');
    const told = await ask<{ id: string }>(transport, 'POST', '/v1/chat/completions', JSON.parse(asks(stored.sha256)));
    expect(told.id).toBe('idBMjpeg');
  });

  it('sends a kept picture again where the engine has it no longer', async () => {
    const { transport, decoded, shelf } = open();
    const sha256 = await sha256Of(file);
    const request = { method: 'POST', path: '/v1/chat/completions', body: asks(sha256) } as const;
    expect((await transport.request(request)).status).toBe(200); // never sent before
    expect((await transport.request(request)).status).toBe(200);
    expect(decoded.length).toBe(1);
    shelf.clear();
    expect((await transport.request(request)).status).toBe(200);
    expect(decoded.length).toBe(2);
    transport.forget();
    expect((await transport.request(request)).status).toBe(200);
    expect(decoded.length).toBe(3);
  });

  it('has the file itself where no store keeps it', async () => {
    const { transport, decoded, shelf } = open();
    const passing = new Blob(['passing']);
    const { sha256 } = await sendPicture(transport, passing, false);
    shelf.clear();
    const answer = await transport.request({ method: 'POST', path: '/v1/chat/completions', body: asks(sha256) });
    expect(answer.status).toBe(200);
    expect(decoded).toEqual(['passing', 'passing']);
  });

  it('leaves words alone that look like a name', async () => {
    const { transport, inner } = open();
    const body = JSON.stringify({ messages: [{ content: `"url":"thimble:${'a'.repeat(64)}"` }] });
    await transport.request({ method: 'POST', path: '/v1/chat/completions', body });
    expect(inner.asked.map((request) => request.body)).toEqual([body]);
  });

  it('says what the engine says where nobody has the picture', async () => {
    const { transport } = open();
    const answer = await transport.request({ method: 'POST', path: '/v1/chat/completions', body: asks('0'.repeat(64)) });
    expect(await errorOf(answer)).toMatchObject({ status: 400, code: 'picture_not_found' });
  });

  it('answers what cannot be decoded, and goes on', async () => {
    const { transport } = open();
    await expect(sendPicture(transport, new Blob(['no picture']), false)).rejects.toMatchObject({ status: 415, code: 'picture_unreadable' });
    expect((await sendPicture(transport, file, false)).width).toBe(4);
  });
});

describe('room for models', () => {
  const mib = 1024 * 1024;

  it('tells both numbers before the first piece is sent', async () => {
    const inner = new Scripted(() => [200, {}]);
    const transport = new RoomTransport(inner, measureOf(async () => ({ quota: 1000 * mib, usage: 100 * mib }), async (bytes) => bytes));
    const put = (range: string) => transport.request({ method: 'PUT', path: '/thimble/v1/models/m/m.gguf', headers: { 'content-range': range }, body: new Blob(['x']) });
    const fault = await errorOf(await put(`bytes 0-0/${500 * mib}`));
    expect(fault).toMatchObject({ status: 507, code: 'no_room' });
    expect(fault.message).toContain('1,083 MB');
    expect(fault.message).toContain('944 MB');
    expect(inner.asked.length).toBe(0);
    expect((await put(`bytes 0-0/${400 * mib}`)).status).toBe(200);
    expect((await put(`bytes 8-8/${500 * mib}`)).status).toBe(200); // it goes on with what is there
  });

  it('believes the storage more than what the browser tells', async () => {
    const measure = measureOf(async () => ({ quota: 1e10, usage: 0 }), async () => 3 * mib);
    expect(await roomFor(mib, measure)).toMatchObject({ fits: false, free: 3 * mib, needed: 34 * mib });
  });

  it('lets it try where the browser does not say', async () => {
    expect(await roomFor(mib, async () => -1)).toMatchObject({ fits: true, free: -1 });
    expect(await roomFor(mib, () => Promise.reject(new Error('no')))).toMatchObject({ fits: true, free: -1 });
    const measure = measureOf(() => Promise.reject(new Error('no')), async () => 5);
    expect(await roomFor(mib, measure)).toMatchObject({ fits: false, free: 5 });
  });
});

describe('a share of the built-in model', () => {
  const data = ['first piece', 'second', 'third one'].map((text) => new TextEncoder().encode(text));
  const open = async () => {
    const list = await Promise.all(data.map(async (bytes, i) => ({ piece: `b.${i}`, bytes: bytes.length, sha256: await sha256Of(new Blob([bytes])) })));
    const files = new Map<string, Uint8Array<ArrayBuffer>>(data.map((bytes, i) => [`b.${i}`, bytes]));
    const fetched: string[] = [];
    const get = (async (address: string) => {
      const name = address.split('/').at(-1)!;
      fetched.push(name);
      if (name === 'builtin.json') return new Response(JSON.stringify(list));
      const bytes = files.get(name);
      return bytes ? new Response(bytes) : new Response('', { status: 404 });
    }) as unknown as typeof fetch;
    let there = 0;
    const kept: string[] = [];
    const transport = new Scripted(async ({ method, headers, body }) => {
      if (method === 'GET') return there === 0 ? [404, {}] : [200, { bytes: there, total: 26, whole: there === 26 }];
      expect(headers!['content-range']).toMatch(new RegExp(`^bytes ${there}-\\d+/26$`));
      kept.push(await (body as Blob).text());
      there += (body as Blob).size;
      return [200, {}];
    });
    const base = 'https://host.example/some/models/';
    const share = await lookForShare(get, base);
    const run = (progress: (bytes: number) => void = () => undefined) => fetchShare({ transport, fetch: get, base, model: 'builtin', file: 'builtin.gguf' }, share!, progress, new AbortController().signal);
    return { share, run, files, kept, fetched, cut: (bytes: number) => (there = bytes) };
  };

  it('comes piece by piece', async () => {
    const { share, run, kept } = await open();
    expect(share).toMatchObject({ bytes: 26 });
    const seen: number[] = [];
    await run((bytes) => seen.push(bytes));
    expect(kept).toEqual(['first piece', 'second', 'third one']);
    expect(seen).toEqual([0, 11, 17, 26]);
  });

  it('goes on where it was, also within a piece', async () => {
    const { run, kept, fetched, cut } = await open();
    cut(13);
    await run();
    expect(kept).toEqual(['cond', 'third one']);
    expect(fetched).toEqual(['builtin.json', 'b.1', 'b.2']);
  });

  it('keeps nothing of a damaged, short or missing piece', async () => {
    const { run, files, kept } = await open();
    files.set('b.1', new TextEncoder().encode('secund'));
    await expect(run()).rejects.toMatchObject({ code: 'share_damaged' });
    files.set('b.1', new TextEncoder().encode('sec'));
    await expect(run()).rejects.toMatchObject({ code: 'share_short' });
    files.delete('b.1');
    await expect(run()).rejects.toMatchObject({ code: 'share_missing', status: 404 });
    expect(kept).toEqual(['first piece']);
    files.set('b.1', data[1]!);
    await run();
    expect(kept.join('')).toBe('first piecesecondthird one');
  });

  it('is none where the list is none', async () => {
    expect(await lookForShare((async () => new Response('<html>')) as unknown as typeof fetch, 'https://h/')).toBeNull();
    const piece = { piece: 'a', bytes: 5, sha256: 'a'.repeat(64) };
    expect(readShare([piece])).not.toBeNull();
    for (const wrong of [{ ...piece, piece: '../a' }, { ...piece, piece: 'https://x/y' }, { ...piece, bytes: 26 * 1024 * 1024 }, { ...piece, bytes: 1.5 }, { ...piece, sha256: 'x' }, null]) {
      expect(readShare([piece, wrong])).toBeNull();
    }
    expect(readShare([])).toBeNull();
  });
});

describe('LoadingFlag', () => {
  const places = () => {
    const map = new Map<string, string>();
    return { getItem: (name: string) => map.get(name) ?? null, setItem: (name: string, value: string) => void map.set(name, value), removeItem: (name: string) => void map.delete(name) };
  };

  it('opens the last model unasked, but not after a crash while loading', async () => {
    const kept = places();
    let opening = 2;
    let isDead = false;
    const inner = new Scripted(({ method }) => {
      if (isDead) throw new ApiError(0, 'engine_died', '');
      if (method === 'POST') return [202, {}];
      return [200, { models: [{ name: 'a b', open: opening === 0, ...(opening-- > 0 ? { opening: 0.5 } : {}) }] }];
    });
    const flag = new LoadingFlag(kept);
    expect(flag.toOpen).toBe('');
    await ask(new LoadingTransport(inner, flag, 1), 'POST', '/thimble/v1/models/a%20b/open', {});
    expect(new LoadingFlag(kept).crashed).toBe('a b'); // what a tab that starts now would think
    await vi.waitFor(() => expect(new LoadingFlag(kept).toOpen).toBe('a b'));
    // The tab ends while it loads.
    opening = 1000;
    await ask(new LoadingTransport(inner, flag, 1), 'POST', '/thimble/v1/models/a%20b/open', {});
    const next = new LoadingFlag(kept);
    expect(next.crashed).toBe('a b');
    expect(next.toOpen).toBe('');
    // The worker ends, and the tab says so: neither it nor the next one opens the model unasked.
    isDead = true;
    await vi.waitFor(() => expect(new LoadingFlag(kept).crashed).toBe(''));
    expect([flag.crashed, flag.toOpen, new LoadingFlag(kept).toOpen]).toEqual(['a b', '', '']);
    // Asked for, it is tried again; and another one, that was open before, stays the one to open.
    isDead = false;
    opening = 0;
    await ask(new LoadingTransport(inner, flag, 1), 'POST', '/thimble/v1/models/a%20b/open', {});
    expect(flag.crashed).toBe('');
    await vi.waitFor(() => expect(new LoadingFlag(kept).toOpen).toBe('a b'));
    isDead = true;
    await expect(ask(new LoadingTransport(inner, flag, 1), 'POST', '/thimble/v1/models/other/open', {})).rejects.toMatchObject({ code: 'engine_died' });
    expect([flag.crashed, new LoadingFlag(kept).toOpen]).toEqual(['other', 'a b']);
    // What else goes wrong is no crash.
    const elsewhere = new Scripted(() => {
      throw new ApiError(0, 'engine_elsewhere', '');
    });
    await expect(ask(new LoadingTransport(elsewhere, flag, 1), 'POST', '/thimble/v1/models/a%20b/open', {})).rejects.toMatchObject({ code: 'engine_elsewhere' });
    expect([flag.crashed, flag.toOpen]).toEqual(['', 'a b']);
  });
});
