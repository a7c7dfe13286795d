// SPDX-License-Identifier: Apache-2.0
// A page with the carrier and nothing else: tests call it through `window.thimble`.
import { BrowserEngine } from '../../../src/engine/browser_engine';
import { sendingOrder } from '../../../src/lib/files/model_files';
import { decodeToBmp } from '../../../src/lib/pictures/decode';
import { sendPicture } from '../../../src/lib/store/http_store';
import type { Compared } from '../picture_cases';
import { ApiError, ask, bytesOf, errorOf, textOf } from '../../../src/lib/transport/transport';

const query = new URLSearchParams(location.search);
const kept = new Map<string, Blob>();
const originals: string[] = [];
const engine = new BrowserEngine({
  version: '0.0.0',
  context: Number(query.get('context') ?? 1024),
  threads: Number(query.get('threads') ?? 2),
  mostMemory: 1024 * 1024 * 1024,
  original: async (sha256) => {
    originals.push(sha256);
    const file = kept.get(sha256);
    if (!file) throw new ApiError(404, 'unknown', 'there is no such picture');
    return file;
  },
});

const states: string[] = [];
const seen = document.querySelector('[data-testid=state]')!;
engine.link.onState((state) => {
  states.push(state.state);
  seen.textContent = JSON.stringify({ ...state, crashed: engine.flag.crashed, toOpen: engine.flag.toOpen });
});

// Rejections as plain objects, which go through to the test.
async function told<T>(work: () => Promise<T>): Promise<{ value: T } | { fault: { status: number; code: string; message: string } }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof ApiError) return { fault: { status: error.status, code: error.code, message: error.message } };
    return { fault: { status: -1, code: (error as Error).name, message: String(error) } };
  }
}

const files = () => [...document.querySelector('input')!.files!];

async function compare(file: File, reference: Uint8Array, mostWhole?: number): Promise<Compared> {
  const found: Compared = { name: file.name, sizes: [], most: -1, mean: 0 };
  const bmp = await decodeToBmp(file, mostWhole).catch((error: unknown) => void (found.fault = String(error)));
  if (!bmp) return found;
  const head = new DataView(bmp.buffer);
  const told = new DataView(reference.buffer);
  const [width, height] = [head.getInt32(18, true), head.getInt32(22, true)];
  const [wide, high] = [told.getUint32(0, true), told.getUint32(4, true)];
  found.sizes = [[width, height], [wide, high]];
  const times = Math.round(wide / width); // it was made smaller: the mean of as many pixels is what is wanted
  if (Math.round(wide / times) !== width || Math.round(high / times) !== height) return found;
  const stride = Math.ceil((width * 3) / 4) * 4;
  let sum = 0;
  found.most = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        let wanted = 0;
        for (let down = 0; down < times; down++) {
          for (let right = 0; right < times; right++) {
            const row = Math.min(y * times + down, high - 1);
            wanted += reference[8 + (row * wide + Math.min(x * times + right, wide - 1)) * 3 + channel]! / times ** 2;
          }
        }
        const difference = Math.abs(bmp[54 + (height - 1 - y) * stride + x * 3 + 2 - channel]! - wanted);
        sum += difference;
        found.most = Math.max(found.most, difference);
      }
    }
  }
  found.mean = sum / (width * height * 3);
  return found;
}

const thimble = {
  engine, states, originals, kept, files,
  told, decodeToBmp,
  ask: (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => told(() => ask<unknown>(engine.transport, method, path, body)),
  // The chosen files, as ModelImport of the page sends them.
  async importFiles(model: string, piece = 8 * 1024 * 1024) {
    return told(async () => {
      let last = '';
      for (const file of sendingOrder(files())) {
        const path = `/thimble/v1/models/${model}/${encodeURIComponent(file.name)}`;
        for (let at = 0; at < file.size; at += piece) {
          const end = Math.min(at + piece, file.size);
          const answer = await engine.transport.request({
            method: 'PUT', path, body: file.slice(at, end),
            headers: { 'content-type': 'application/octet-stream', 'content-range': `bytes ${at}-${end - 1}/${file.size}` },
          });
          if (answer.status !== 200) throw await errorOf(answer);
          last = await textOf(answer);
        }
      }
      return JSON.parse(last) as unknown;
    });
  },
  async open(model: string) {
    return told(async () => {
      await ask(engine.transport, 'POST', `/thimble/v1/models/${encodeURIComponent(model)}/open`, {});
      for (;;) {
        const { models } = await ask<{ models: { name: string; open: boolean; opening?: number; failure?: string }[] }>(engine.transport, 'GET', '/thimble/v1/models');
        const found = models.find(({ name }) => name === model);
        if (found?.open) return found;
        if (found?.failure) throw new ApiError(400, 'failure', found.failure);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
  },
  async chat(text: string, more: Record<string, unknown> = {}) {
    return told(async () => {
      const body = { messages: [{ role: 'user', content: text }], max_tokens: 16, temperature: 0, chat_template_kwargs: { enable_thinking: false }, ...more };
      const said = await ask<{ choices: { message: { content: string }; finish_reason: string }[]; usage: Record<string, number> }>(engine.transport, 'POST', '/v1/chat/completions', body);
      return { text: said.choices[0]!.message.content, finish: said.choices[0]!.finish_reason, usage: said.usage };
    });
  },
  async putPicture() {
    return told(async () => {
      const file = files()[0]!;
      const stored = await sendPicture(engine.transport, file, false);
      kept.set(stored.sha256, file);
      return stored;
    });
  },
  // The pixels that would reach the engine, from the top, as R, G, B.
  async pixels(at: [x: number, y: number][]) {
    return told(async () => {
      const bmp = await decodeToBmp(files()[0]!);
      const head = new DataView(bmp.buffer);
      const width = head.getInt32(18, true);
      const height = head.getInt32(22, true);
      const stride = Math.ceil((width * 3) / 4) * 4;
      const found = at.map(([x, y]) => {
        const from = 54 + (height - 1 - y) * stride + x * 3;
        return [bmp[from + 2], bmp[from + 1], bmp[from]];
      });
      return { width, height, found };
    });
  },
  // How far the pixels that would reach the engine are from those beside each chosen picture (NAME.rgb; tests/decoded_pixels.cc).
  async comparePixels(mostWhole?: number): Promise<Compared[]> {
    const byName = new Map(files().map((file) => [file.name, file]));
    const compared: Compared[] = [];
    for (const [name, file] of byName) {
      const reference = byName.get(`${name}.rgb`);
      if (reference) compared.push(await compare(file, new Uint8Array(await reference.arrayBuffer()), mostWhole));
    }
    return compared;
  },
  async stream(body: Record<string, unknown>, stopAfter: number, headers: Record<string, string> = {}) {
    return told(async () => {
      const abort = new AbortController();
      const answer = await engine.transport.request({
        method: 'POST', path: '/v1/chat/completions', signal: abort.signal,
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ stream: true, temperature: 0, ...body }),
      });
      if (answer.status !== 200) throw await errorOf(answer);
      let events = 0;
      let aborted = 0;
      try {
        for await (const part of answer.body()) {
          events += new TextDecoder().decode(part).split('data: ').length - 1;
          if (events >= stopAfter && aborted === 0) {
            aborted = performance.now();
            abort.abort();
          }
        }
      } catch (error) {
        if ((error as Error).name !== 'AbortError') throw error;
      }
      // Who asks next is answered at once: the engine is free again.
      const asked = performance.now();
      await bytesOf(await engine.transport.request({ method: 'GET', path: '/thimble/v1/info' }));
      return { events, wait: performance.now() - asked, aborted: aborted > 0 };
    });
  },
};

export type ThimbleOfTests = typeof thimble;
declare global {
  interface Window {
    thimble: ThimbleOfTests;
  }
}
window.thimble = thimble;
engine.start();
