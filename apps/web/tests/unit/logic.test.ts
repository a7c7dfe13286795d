// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { applyChunk } from '../../src/lib/chat/chunks';
import { excerptParts, groupChats } from '../../src/lib/chat/groups';
import { meterOf } from '../../src/lib/chat/meter';
import { answerRequest, continueRequest, cutEnd, isCut, titleFrom } from '../../src/lib/chat/request';
import { readHead } from '../../src/lib/pictures/head';
import { refusalOf } from '../../src/lib/pictures/prepare';
import { takeToken } from '../../src/lib/transport/token';
import { sandboxLines, socketsHold } from '../../src/lib/proof';
import { completeSentences } from '../../src/state/announcer.svelte';
import { estimate } from '../../src/state/count';
import { parseRoute } from '../../src/state/router.svelte';
import { kDefaults, mergeSettings } from '../../src/state/settings.svelte';
import { message } from './store_suite';

const wishes = { thinking: false, length: 'normal' as const, instructions: [], temperature: null, topP: null, topK: null, seed: null, maxTokens: null };

describe('requests', () => {
  it('hold instructions, pictures and words, and no empty answers', () => {
    const picture = { sha256: 'ab', name: 'p', width: 1, height: 1, detail: 'high' as const, tokens: 1 };
    const branch = [message('user', '', 'Hi', { pictures: [picture] }), message('assistant', 'x', ''), message('user', 'x', 'More')];
    const request = answerRequest(branch, { ...wishes, instructions: ['all', ' ', 'own'], length: 'short', temperature: 0 });
    expect(request).toMatchObject({ stream: true, temperature: 0, when_full: 'window', chat_template_kwargs: { enable_thinking: false } });
    expect(request['messages']).toEqual([
      { role: 'system', content: 'all\n\nown\n\nAnswer briefly, in a few sentences.' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'thimble:ab', detail: 'high' } }, { type: 'text', text: 'Hi' }] },
      { role: 'user', content: 'More' },
    ]);
    expect('top_p' in request).toBe(false);
    expect(answerRequest([message('user', '', 'x')], wishes)['messages']).toHaveLength(1);
  });

  it('go on with an answer behind its words, or in its thoughts', () => {
    const question = message('user', '', 'Count');
    const went = (text: string, reasoning: string) => {
      const request = continueRequest([question, message('assistant', question.id, text, { reasoning })], wishes);
      expect(request).toMatchObject({ continue_final_message: true, stream: true, max_tokens: 2048 });
      return (request['messages'] as unknown[]).at(-1);
    };
    expect(went('One, two', '')).toEqual({ role: 'assistant', content: 'One, two' });
    expect(went('One, two', 'Hm.')).toEqual({ role: 'assistant', content: 'One, two', reasoning_content: 'Hm.' });
    expect(went('', 'Hm. It')).toEqual({ role: 'assistant', content: '<think>\nHm. It' });
    expect(cutEnd({ text: 'One, \n', reasoning: 'Hm. ' })).toEqual({ text: 'One,', reasoning: 'Hm. ' });
    expect(cutEnd({ text: '\n', reasoning: 'Hm. ' })).toEqual({ text: '', reasoning: 'Hm.' });
  });

  it('go on only with what was cut off, and has a beginning', () => {
    const answer = (text: string, state: 'done' | 'stopped' | 'failed' | 'running', finish?: string, reasoning = '') =>
      isCut(message('assistant', 'x', text, { state, reasoning, facts: finish ? { finish } : {} }));
    expect([answer('a', 'stopped'), answer('a', 'failed'), answer('a', 'done', 'length'), answer('a', 'done', 'context'), answer('', 'stopped', '', 'Hm')]).toEqual(Array(5).fill(true));
    expect([answer('a', 'done', 'stop'), answer('a', 'done'), answer('a', 'running'), answer(' ', 'stopped'), answer('', 'failed')]).toEqual(Array(5).fill(false));
  });

  it('give a chat its title', () => {
    expect(titleFrom('\n\n## **Hello** `there`\nsecond')).toBe('Hello there');
    expect([...titleFrom('😀'.repeat(100))]).toHaveLength(60);
    expect(titleFrom('   ')).toBe('');
  });
});

describe('answers', () => {
  it('grow by the parts of a stream', () => {
    const answer = message('assistant', '', '');
    applyChunk(answer, { model: 'm', choices: [{ delta: { reasoning_content: 'Hm. ' } }] });
    applyChunk(answer, { choices: [{ delta: { reasoning: 'Yes.' } }] });
    applyChunk(answer, { choices: [{ delta: { content: 'Two' } }], timings: { cache_n: 3, prompt_n: 7, prompt_ms: 20, predicted_n: 2, predicted_ms: 50, predicted_per_second: 40 } });
    applyChunk(answer, { choices: [{ delta: {}, finish_reason: 'stop' }], dropped_messages: 4 });
    applyChunk(answer, { choices: [], usage: { prompt_tokens: 10, completion_tokens: 2 } });
    expect(answer).toMatchObject({ model: 'm', reasoning: 'Hm. Yes.', text: 'Two', facts: { finish: 'stop', dropped: 4 } });
    expect(meterOf(answer)).toEqual({ ttftMs: 20, tokens: 2, tokensPerSecond: 40, read: 7, remembered: 3, used: 12, cpuSeconds: null, finish: 'stop' });
    expect(() => applyChunk(answer, { error: { message: 'x', code: 'c' } })).toThrow('x');
  });

  it('are announced by the sentence', () => {
    expect(completeSentences('One. Two is 3.', 0)).toEqual({ said: 'One.', end: 5 });
    expect(completeSentences('One. Two is 3.5 m. A', 5)).toEqual({ said: 'Two is 3.5 m.', end: 19 });
    expect(completeSentences('今日は。明', 0)).toEqual({ said: '今日は。', end: 4 });
    expect(completeSentences('no end', 0)).toEqual({ said: '', end: 0 });
  });
});

describe('the list', () => {
  const now = new Date(2026, 10, 30, 12).getTime();
  const chat = (title: string, updated: number, pinned = false) => ({ id: title, title, model: '', instructions: '', folder: '', head: '', pinned, created: 0, updated, messages: 0, tokens: 0, pictures: 0 });

  it('is grouped by when chats were used', () => {
    const list = [chat('p', 1, true), chat('t', now - 1000), chat('w', now - 2 * 86_400_000), chat('e', now - 30 * 86_400_000)];
    expect(groupChats(list, now, false).map(({ key, chats }) => [key, chats[0]!.title])).toEqual([['group.pinned', 'p'], ['group.today', 't'], ['group.week', 'w'], ['group.earlier', 'e']]);
    expect(groupChats(list, now, true)).toHaveLength(1);
    expect(groupChats([], now, true)).toEqual([]);
  });

  it('shows what was found', () => {
    expect(excerptParts('a \uE000b\uE001 <i>')).toEqual([{ text: 'a ', isHit: false }, { text: 'b', isHit: true }, { text: ' <i>', isHit: false }]);
    expect(excerptParts('\uE001\uE000')).toEqual([]);
  });
});

describe('small things', () => {
  it('tokens come from the fragment, and leave it', () => {
    const kept = new Map<string, string>();
    const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => kept.set(name, value) } as unknown as Storage;
    const replaced: string[] = [];
    const history = { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) } as unknown as History;
    const at = (hash: string) => ({ hash, pathname: '/', search: '?lang=de' }) as Location;
    expect(takeToken(at(''), history, storage)).toBe('');
    expect(takeToken(at('#token=0123456789abcdef'), history, storage)).toBe('0123456789abcdef');
    expect(replaced).toEqual(['/?lang=de']);
    expect(takeToken(at('#/chat/x'), history, storage)).toBe('0123456789abcdef');
    expect([...kept.keys()]).toEqual(['thimble:token']);
  });

  it('routes are read from the fragment', () => {
    expect(parseRoute('#/chat/Abc123')).toEqual({ page: 'chat', id: 'Abc123' });
    expect(parseRoute('#/chat/<script>')).toEqual({ page: 'chat', id: '' });
    expect(parseRoute('#/models')).toEqual({ page: 'models' });
    expect(parseRoute('')).toEqual({ page: 'chat', id: '' });
  });

  it('settings take what is of the right kind', () => {
    const merged = mergeSettings({ ...kDefaults }, { theme: 'dark', thinking: 'yes', temperature: 0.5, topK: 'x', seed: null, unknown: 1 });
    expect(merged).toEqual({ ...kDefaults, theme: 'dark', temperature: 0.5 });
  });

  it('files that are no pictures are refused', () => {
    expect(refusalOf({ type: 'image/jpeg', name: 'a.jpg', size: 5 }, 10)).toBeNull();
    expect(refusalOf({ type: '', name: 'a.HEIC', size: 5 }, 10)).toBeNull();
    expect(refusalOf({ type: 'video/mp4', name: 'a.mp4', size: 5 }, 10)).toBe('video');
    expect(refusalOf({ type: 'image/svg+xml', name: 'a.svg', size: 5 }, 10)).toBe('kind');
    expect(refusalOf({ type: 'text/html', name: 'a.jpg', size: 5 }, 10)).toBe('kind');
    expect(refusalOf({ type: 'image/png', name: 'a.png', size: 50 }, 10)).toBe('large');
  });

  it('the first bytes say what is a video, and how large a picture is', () => {
    const bytes = (...parts: (string | number[])[]) => Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...part].map((letter) => letter.charCodeAt(0)) : part)));
    const zeros = Array(32).fill(0) as number[];
    for (const brand of ['mp42', 'isom', 'qt  ', 'M4V ', '3gp5']) expect(readHead(bytes([0, 0, 0, 24], `ftyp${brand}`, zeros)).isVideo, brand).toBe(true);
    for (const brand of ['heic', 'mif1', 'avif']) expect(readHead(bytes([0, 0, 0, 24], `ftyp${brand}`, zeros)).isVideo, brand).toBe(false);
    expect(readHead(bytes([0x1a, 0x45, 0xdf, 0xa3], zeros)).isVideo).toBe(true);
    expect(readHead(bytes('RIFF', [1, 2, 3, 4], 'AVI ', zeros)).isVideo).toBe(true);
    expect(readHead(bytes('RIFF', [1, 2, 3, 4], 'WEBP', zeros)).isVideo).toBe(false);
    const png = bytes([0x89], 'PNG\r\n', [0x1a, 10, 0, 0, 0, 13], 'IHDR', [0, 0, 0x4e, 0x20, 0, 0, 0x27, 0x10], zeros);
    expect(readHead(png)).toEqual({ isVideo: false, width: 20_000, height: 10_000 });
    expect(readHead(bytes('GIF89a', [2, 1, 3, 0], zeros))).toEqual({ isVideo: false, width: 258, height: 3 });
    const jpeg = bytes([0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xc0, 1, 2, 0xff, 0xc4, 0, 2, 0xff, 0xff, 0xc2, 0, 11, 8, 0x18, 0x6a, 0x1f, 0x40, 3], zeros);
    expect(readHead(jpeg)).toEqual({ isVideo: false, width: 8000, height: 6250 });
    for (const cut of [0, 3, 15, 20, 24]) for (const whole of [png, jpeg]) expect(readHead(whole.slice(0, cut))).toMatchObject({ isVideo: false });
  });

  it('the sandbox holds when nothing of it lacks', () => {
    expect(sandboxLines({ files: true, calls: true, landlock: 7, lacks: [] })).toEqual({ isWhole: true, lines: [['files', '✓'], ['calls', '✓'], ['landlock', '7']] });
    expect(sandboxLines({ files: false, lacks: ['landlock'] }).isWhole).toBe(false);
    expect(sandboxLines({}).isWhole).toBe(false);
  });

  it('sockets hold when every connection came in', () => {
    const listening = { local: '127.0.0.1:17741', remote: '', state: 'listening' };
    const client = { local: '[::1]:17741', remote: '[::1]:50000', state: 'connected' };
    expect(socketsHold([])).toBe(true);
    expect(socketsHold([listening, client])).toBe(true);
    expect(socketsHold([listening, client, { local: '192.168.1.5:50001', remote: '93.184.216.34:443', state: 'connected' }])).toBe(false);
    expect(socketsHold([client])).toBe(false);
  });

  it('tokens are guessed until they are counted', () => {
    expect(estimate('')).toBe(4);
    expect(estimate('twelve chars')).toBe(7);
    expect(estimate('天気天気')).toBe(8);
  });
});
