// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { deflateSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { chatFileText, chatMarkdown, parseChatJson, parseChatMarkdown } from '../../src/lib/files/chat_file';
import { modelName, sendingOrder } from '../../src/lib/files/model_files';
import { fileName } from '../../src/lib/files/save';
import { crc32, readZip, ZipWriter } from '../../src/lib/files/zip';
import { kAttacks } from './attacks';
import { message } from './store_suite';

const kBounds = { entries: 10, entryBytes: 1000, totalBytes: 3000 };
const bytes = (text: string) => new TextEncoder().encode(text);

async function patched(archive: Blob, change: (view: DataView, central: number) => void): Promise<Blob> {
  const data = await archive.arrayBuffer();
  const view = new DataView(data);
  change(view, view.getUint32(data.byteLength - 22 + 16, true));
  return new Blob([data]);
}

function oneEntry(): Blob {
  const writer = new ZipWriter();
  writer.add('chats/a.json', bytes('{"a": 1}'.repeat(50)), true);
  writer.add('pictures/ö.png', bytes('stored'), false);
  return writer.finish();
}

describe('archives', () => {
  it('are written and read', async () => {
    const entries = await readZip(oneEntry(), kBounds);
    expect(entries.map(({ name, size }) => [name, size])).toEqual([['chats/a.json', 400], ['pictures/ö.png', 6]]);
    expect(new TextDecoder().decode(await entries[0]!.read())).toBe('{"a": 1}'.repeat(50));
    expect(new TextDecoder().decode(await entries[1]!.read())).toBe('stored');
    expect(crc32(bytes('123456789'))).toBe(0xcbf43926);
  });

  it('beyond the bounds are refused before anything is unpacked', async () => {
    const big = new ZipWriter();
    big.add('a', bytes('x'.repeat(1001)), true);
    await expect(readZip(big.finish(), kBounds)).rejects.toThrow('too large');
    const many = new ZipWriter();
    for (let i = 0; i < 11; i++) many.add(`${i}`, bytes('x'), false);
    await expect(readZip(many.finish(), kBounds)).rejects.toThrow('too many');
    const sum = new ZipWriter();
    for (let i = 0; i < 4; i++) sum.add(`${i}`, bytes('x'.repeat(900)), true);
    await expect(readZip(sum.finish(), kBounds)).rejects.toThrow('too large');
  });

  it('that lie about a size give no more than they say', async () => {
    const liar = await patched(oneEntry(), (view, central) => view.setUint32(central + 24, 10, true));
    const [entry] = await readZip(liar, kBounds);
    await expect(entry!.read()).rejects.toThrow('broken');
    const bomb = deflateSync(new Uint8Array(50_000_000));
    expect(bomb.length).toBeLessThan(100_000);
  });

  it.each([
    ['nothing', async () => new Blob([])],
    ['no archive', async () => new Blob(['PK and more'])],
    ['one that ends early', async () => oneEntry().slice(0, -30)],
    ['one whose beginning is cut off', async () => oneEntry().slice(20)],
    ['a central directory elsewhere', () => patched(oneEntry(), (view) => view.setUint32(view.byteLength - 6, 0xfffffff0, true))],
    ['another method', () => patched(oneEntry(), (view, central) => view.setUint16(central + 10, 14, true))],
    ['an encrypted one', () => patched(oneEntry(), (view, central) => view.setUint16(central + 8, 1, true))],
  ])('are refused: %s', async (_, make) => {
    await expect((async () => Promise.all((await readZip(await make(), kBounds)).map((entry) => entry.read())))()).rejects.toThrow();
  });
});

const question = message('user', '', 'A question\n\n# with a heading\n<!-- thimble: user -->\nand a mark');
const answer = message('assistant', question.id, 'An answer', { reasoning: 'Hm.', facts: { finish: 'stop', timings: { cache_n: 1, prompt_n: 2, prompt_ms: 3, predicted_n: 4, predicted_ms: 5, predicted_per_second: 6 } } });
const chat = { id: 'A'.repeat(24), title: 'Title', model: 'm', instructions: 'i', folder: 'f', head: answer.id, pinned: true, created: 1, updated: 2, messages: 2, tokens: 3, pictures: 0 };

describe('chats in files', () => {
  it('go out as JSON and come in the same', () => {
    const read = parseChatJson(chatFileText({ chat, messages: [question, answer], pictures: {} }));
    expect(read).toEqual({ chat, messages: [question, answer], pictures: {} });
  });

  it('go out as Markdown and come in with their words', () => {
    const text = chatMarkdown('A\ntitle', [question, answer], { user: 'You', assistant: 'Model' });
    const read = parseChatMarkdown(text);
    expect(read.chat.title).toBe('A title');
    expect(read.messages.map(({ role, text: words }) => [role, words])).toEqual([['user', question.text], ['assistant', answer.text]]);
    expect(read.messages[1]!.parent).toBe(read.messages[0]!.id);
  });

  it('come in from lists of messages of other programs', () => {
    const read = parseChatJson('[{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "a"}]}, {"role": "assistant", "content": "b"}]');
    expect(read.messages.map(({ role, text }) => [role, text])).toEqual([['user', 'a'], ['assistant', 'b']]);
  });

  it.each([
    'nothing', '{}', '[]', '7', 'null', '{"messages": 7}', '{"chat": {}, "messages": [7]}', '{"chat": {}, "messages": [{}]}',
    JSON.stringify({ chat, messages: [{ ...question, parent: answer.id }, answer] }),
    JSON.stringify({ chat, messages: [question, question] }),
    JSON.stringify({ chat, messages: [{ ...question, role: 'system' }] }),
    JSON.stringify({ chat, messages: [{ ...question, id: '../../x' }] }),
  ])('are refused: %s', (text) => {
    expect(() => parseChatJson(text)).toThrow();
  });

  it('bring nothing of an unknown shape', () => {
    const read = parseChatJson(JSON.stringify({
      chat: { ...chat, title: 7, evil: 1, __proto__: { x: 1 } },
      messages: [{ ...question, state: 'running', facts: { evil: { deep: 1 }, finish: {}, timings: { predicted_n: 'x' } }, pictures: [{ sha256: '../../etc' }, { sha256: 'a'.repeat(64), detail: 'x' }] }],
      pictures: { ['a'.repeat(64)]: 'data:text/html;base64,x', ['b'.repeat(64)]: 'https://evil.test' },
    }));
    expect(read.chat.title).toBe('');
    expect('evil' in read.chat).toBe(false);
    expect(read.messages[0]).toMatchObject({ state: 'stopped', facts: { timings: {} }, pictures: [{ sha256: 'a'.repeat(64), detail: 'auto', width: 0 }] });
    expect(read.pictures).toEqual({});
  });

  it('have names that every system takes', () => {
    for (const attack of kAttacks) expect(fileName(attack, 'chat')).toMatch(/^[^\u0000-\u001f<>:"/\\|?*]{1,60}$/u); // eslint-disable-line no-control-regex
    expect(fileName('../../etc/passwd', 'chat')).toBe('etc passwd');
    expect(fileName('...', 'chat')).toBe('chat');
  });
});

describe("a model's files", () => {
  it('are sent with the weights last', () => {
    const files = [{ name: 'Q.gguf', size: 500 }, { name: 'mmproj-F16.gguf', size: 900 }, { name: 'config.json', size: 5 }, { name: 'photo.png', size: 1 }];
    expect(sendingOrder(files).map(({ name }) => name)).toEqual(['config.json', 'mmproj-F16.gguf', 'Q.gguf']);
    expect(modelName(files)).toBe('Q');
    expect(modelName([{ name: 'Big model-00001-of-00003.gguf', size: 2 }])).toBe('Big-model');
    expect(modelName([{ name: '../.gguf', size: 2 }])).toBe('model');
  });
});
