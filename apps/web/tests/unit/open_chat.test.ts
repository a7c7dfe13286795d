// SPDX-License-Identifier: Apache-2.0
// An open chat over a store in memory and a service that answers over fetch.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MemoryStore } from '../../src/lib/store/memory_store';
import { OpenChat } from '../../src/state/open_chat.svelte';

interface Asked {
  method: string;
  path: string;
  body: { messages: { role: string; content: string }[]; continue_final_message?: boolean };
}

const kEnd = 'data: [DONE]\n\n';
const part = (delta: Record<string, string>, more = {}) => `data: ${JSON.stringify({ choices: [{ delta }], ...more })}\n\n`;

let asked: Asked[] = [];
let streams: string[] = []; // of the answers to come
const answers = () => asked.filter(({ path }) => path === '/v1/chat/completions');

beforeEach(() => {
  asked = [];
  streams = [];
  vi.stubGlobal('fetch', async (path: string, { method, body }: RequestInit) => {
    asked.push({ method: method ?? '', path, body: typeof body === 'string' ? JSON.parse(body) : {} });
    if (path !== '/v1/chat/completions') return new Response('{}', { status: 404 });
    const stream = streams.shift();
    return stream === undefined ? new Response('{"error":{"message":"broken","code":"x"}}', { status: 400 }) : new Response(stream);
  });
});
afterEach(() => vi.unstubAllGlobals());

const kAsked = 'u'.repeat(24);
const kAnswer = 'a'.repeat(24);
const newChat = (store = new MemoryStore()) => new OpenChat(store, false, '', () => undefined);
async function ask(chat: OpenChat, text: string): Promise<void> {
  chat.draft = text;
  await chat.send();
  await ended(chat);
}
const ended = (chat: OpenChat) => vi.waitFor(() => expect(chat.isBusy).toBe(false));

describe('an open chat', () => {
  it('goes on with an answer that was cut, as the same message', async () => {
    const store = new MemoryStore();
    const chat = newChat(store);
    const cut = { choices: [{ delta: {}, finish_reason: 'length' }] };
    streams = [part({ reasoning_content: 'Hm.' }) + part({ content: 'One, two, \n' }) + `data: ${JSON.stringify(cut)}\n\n${kEnd}`, part({ content: ' three.' }, { usage: { prompt_tokens: 9, completion_tokens: 2 } }) + kEnd];
    await ask(chat, 'Count');
    const answer = chat.branch.at(-1)!;
    expect(answer).toMatchObject({ text: 'One, two, \n', state: 'done', facts: { finish: 'length' } });
    await chat.goOn(answer);
    await ended(chat);
    expect(chat.branch).toHaveLength(2);
    const whole = { id: answer.id, text: 'One, two, three.', reasoning: 'Hm.', state: 'done' };
    expect(chat.branch.at(-1)).toMatchObject(whole);
    expect(chat.branch.at(-1)!.facts).not.toHaveProperty('continues');
    expect(answers()[1]!.body.messages.at(-1)).toEqual({ role: 'assistant', content: 'One, two,', reasoning_content: 'Hm.' });
    await vi.waitFor(async () => expect((await store.get(chat.chat.id)).messages.at(-1)).toMatchObject(whole));
  });

  it('keeps what there is where going on is refused', async () => {
    const chat = newChat();
    streams = [part({ content: 'One' })]; // it breaks, and the service has it no longer
    await ask(chat, 'Count');
    expect(chat.branch.at(-1)).toMatchObject({ text: 'One', state: 'stopped' });
    await chat.goOn(chat.branch.at(-1)!);
    await ended(chat);
    expect(chat.branch.at(-1)).toMatchObject({ text: 'One', state: 'failed' });
  });

  it('follows a continued answer after a reload behind what it had before', async () => {
    const store = new MemoryStore();
    const { id } = await store.create({ title: 'x' });
    const facts = { continues: { text: 4, reasoning: 0 } };
    const base = { parent: '', model: '', created: 1, reasoning: '', pictures: [] };
    await store.add(id, { ...base, id: kAsked, role: 'user', state: 'done', text: 'Count', facts: {} });
    await store.add(id, { ...base, id: kAnswer, parent: kAsked, role: 'assistant', state: 'running', text: 'One, two', facts });
    vi.stubGlobal('fetch', async (path: string) => (path.includes(`/answers/${kAnswer}?from=0`) ? new Response(part({ content: ' two' }) + part({ content: ' three' }) + kEnd) : new Response('{}', { status: 404 })));
    const chat = new OpenChat(store, false, id, () => undefined);
    await chat.load();
    await ended(chat);
    expect(chat.branch.at(-1)).toMatchObject({ text: 'One, two three', state: 'done' });
  });

  it('takes two clicks in one moment as one: send, answer again, go on, edit', async () => {
    const chat = newChat();
    streams = Array(9).fill(part({ content: 'One' }) + `data: {"choices":[{"delta":{},"finish_reason":"length"}]}\n\n${kEnd}`);
    const twice = async (act: () => Promise<void>) => {
      const before = answers().length;
      await Promise.all([act(), act()]);
      await ended(chat);
      return answers().length - before;
    };
    chat.draft = 'Count';
    expect(await twice(() => chat.send())).toBe(1);
    const [question, answer] = chat.branch;
    expect(chat.messages).toHaveLength(2);
    expect(await twice(() => chat.regenerate(answer!))).toBe(1);
    expect(chat.messages).toHaveLength(3);
    expect(await twice(() => chat.goOn(chat.branch.at(-1)!))).toBe(1);
    expect(chat.branch.at(-1)!.text).toBe('OneOne');
    expect(await twice(() => chat.edit(question!, 'Count on'))).toBe(1);
    expect(chat.messages).toHaveLength(5);
    expect(await twice(() => chat.edit(chat.branch.at(-1)!, 'Other words'))).toBe(0);
    expect(chat.messages).toHaveLength(6);
  });
});
