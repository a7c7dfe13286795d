// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { SseParser } from '../../src/lib/transport/sse';

const kStream = ': waiting, place 3\n\ndata: {"a":"é"}\n\nevent: error\r\ndata: one\r\ndata: two\r\n\r\ndata:no blank\rid: 7\r\rdata: 😀\n\ndata: unfinished';
const kEvents = [
  { event: 'message', data: '{"a":"é"}' },
  { event: 'error', data: 'one\ntwo' },
  { event: 'message', data: 'no blank' },
  { event: 'message', data: '😀' },
];

describe('SseParser', () => {
  it.each([1, 2, 3, 5, 1000])('gives the same events from pieces of %i bytes', (size) => {
    const comments: string[] = [];
    const parser = new SseParser((comment) => comments.push(comment));
    const bytes = new TextEncoder().encode(kStream);
    const events = [];
    for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.slice(at, at + size)));
    expect(events).toEqual(kEvents);
    expect(comments).toEqual(['waiting, place 3']);
  });

  it('gives nothing for empty events and fields it does not know', () => {
    expect(new SseParser().push(new TextEncoder().encode('\n\nretry: 5\n\nfoo\n\ndata\n\n'))).toEqual([{ event: 'message', data: '' }]);
  });
});
