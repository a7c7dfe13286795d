// SPDX-License-Identifier: Apache-2.0
// What every Transport has to do, whatever carries it.
import { describe, expect, it, vi } from 'vitest';
import { ask, bytesOf, textOf, type Transport } from '../../src/lib/transport/transport';

export interface Asked {
  method: string;
  path: string; // its escapes undone
  query: string;
  headers: Record<string, string>;
  body: string;
}

export interface Reply {
  begin(status: number, headers?: Record<string, string>): void;
  part(text: string): void;
  end(): void;
}

// A service that each carrier brings to the transport: what it was asked, and whom nobody waits for any more.
export class PlayedService {
  readonly asked: Asked[] = [];
  gone = 0;
  replies: Reply[] = [];

  // Gives what hears that nobody waits.
  take(asked: Asked, reply: Reply): () => void {
    this.asked.push(asked);
    this.replies.push(reply);
    if (asked.path.startsWith('/echo')) {
      reply.begin(200, { 'content-type': 'application/json', 'x-Queue-Place': '2' });
      reply.part(JSON.stringify(asked));
      reply.end();
    } else if (asked.path === '/refused') {
      reply.begin(404, { 'content-type': 'application/json' });
      reply.part('{"error": {"message": "there is no such model", "code": "model_not_found"}}');
      reply.end();
    } else if (asked.path === '/nothing') {
      reply.begin(204);
      reply.end();
    } else if (asked.path === '/begun') {
      reply.begin(200);
      reply.part('one ');
    }
    return () => this.gone++;
  }
}

export interface Played {
  transport: Transport;
  service: PlayedService;
  lose(): void; // the service ends on the way
}

export function transportSuite(name: string, open: () => Promise<Played>): void {
  describe(name, () => {
    it('sends method, path, query and headers', async () => {
      const { transport } = await open();
      const answer = await transport.request({ method: 'GET', path: '/echo?from=3&x=a%20b', headers: { 'X-Conversation-Id': 'abc' } });
      expect(answer.status).toBe(200);
      expect(answer.header('X-QUEUE-place')).toBe('2');
      expect(answer.header('x-other')).toBeNull();
      const asked = JSON.parse(await textOf(answer)) as Asked;
      expect(asked).toMatchObject({ method: 'GET', path: '/echo', query: 'from=3&x=a%20b', body: '' });
      expect(asked.headers['x-conversation-id']).toBe('abc');
    });

    it('sends texts and files, with their types and lengths', async () => {
      const { transport } = await open();
      const echo = async (body: string | Blob, headers: Record<string, string> = {}) =>
        JSON.parse(await textOf(await transport.request({ method: 'PUT', path: '/echo', body, headers }))) as Asked;
      expect(await echo('grüße')).toMatchObject({ body: 'grüße', headers: { 'content-length': '7', 'content-type': expect.stringMatching(/^text\/plain/) as string } });
      expect(await echo(new Blob(['abc'], { type: 'image/png' }))).toMatchObject({ body: 'abc', headers: { 'content-length': '3', 'content-type': 'image/png' } });
      const range = { 'content-type': 'application/octet-stream', 'content-range': 'bytes 0-1/9' };
      expect(await echo(new Blob(['abcdef']).slice(2, 4), range)).toMatchObject({ body: 'cd', headers: range });
    });

    it('undoes escapes of the path only', async () => {
      const { transport, service } = await open();
      await transport.request({ method: 'DELETE', path: `/echo/${encodeURIComponent('a b?ü')}?x=%41` });
      expect(service.asked[0]).toMatchObject({ path: '/echo/a b?ü', query: 'x=%41' });
    });

    it('tells errors as answers, and ask() as ApiError', async () => {
      const { transport } = await open();
      expect((await transport.request({ method: 'GET', path: '/refused' })).status).toBe(404);
      await expect(ask(transport, 'GET', '/refused')).rejects.toMatchObject({ name: 'ApiError', status: 404, code: 'model_not_found' });
      expect(await ask(transport, 'POST', '/nothing', {})).toBeUndefined();
    });

    it('gives parts as they come', async () => {
      const { transport, service } = await open();
      const answer = await transport.request({ method: 'GET', path: '/begun' });
      const parts: string[] = [];
      for await (const part of answer.body()) {
        parts.push(new TextDecoder().decode(part));
        if (parts.length === 1) service.replies[0]!.part('two ');
        if (parts.length === 2) service.replies[0]!.end();
      }
      expect(parts).toEqual(['one ', 'two ']);
      expect(service.gone).toBe(0);
    });

    it('keeps apart what runs at the same time', async () => {
      const { transport, service } = await open();
      const [first, second] = await Promise.all([0, 1].map(() => transport.request({ method: 'GET', path: '/begun' })));
      service.replies[1]!.part('b');
      service.replies[0]!.part('a');
      service.replies[1]!.end();
      service.replies[0]!.end();
      const texts = [await textOf(first!), await textOf(second!)];
      expect(texts.sort()).toEqual(['one a', 'one b']);
    });

    it('sends nothing where it was aborted before', async () => {
      const { transport, service } = await open();
      const signal = AbortSignal.abort();
      await expect(transport.request({ method: 'GET', path: '/echo', signal })).rejects.toMatchObject({ name: 'AbortError' });
      expect(service.asked).toEqual([]);
    });

    it('is aborted while it waits for the answer, and the service hears of it', async () => {
      const { transport, service } = await open();
      const abort = new AbortController();
      const answer = transport.request({ method: 'POST', path: '/silent', body: '{}', signal: abort.signal });
      await vi.waitFor(() => expect(service.asked.length).toBe(1));
      abort.abort();
      await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
      await vi.waitFor(() => expect(service.gone).toBe(1));
    });

    it('is aborted in the middle of the answer', async () => {
      const { transport, service } = await open();
      const abort = new AbortController();
      const answer = await transport.request({ method: 'GET', path: '/begun', signal: abort.signal });
      const read = async () => {
        for await (const part of answer.body()) if (part.length > 0) abort.abort();
      };
      await expect(read()).rejects.toMatchObject({ name: 'AbortError' });
      await vi.waitFor(() => expect(service.gone).toBe(1));
    });

    it('gives nothing more after that, though it came', async () => {
      const { transport, service } = await open();
      const abort = new AbortController();
      const answer = await transport.request({ method: 'GET', path: '/begun', signal: abort.signal });
      service.replies[0]!.part('two ');
      await new Promise((resolve) => setTimeout(resolve, 50));
      abort.abort();
      await expect(bytesOf(answer)).rejects.toMatchObject({ name: 'AbortError' });
    });

    it('says so where the reason is another one', async () => {
      const { transport } = await open();
      const signal = AbortSignal.abort(new Error('too late'));
      await expect(transport.request({ method: 'GET', path: '/echo', signal })).rejects.toMatchObject({ name: 'ApiError', status: 0 });
    });

    it('ends the request where nobody reads on', async () => {
      const { transport, service } = await open();
      const answer = await transport.request({ method: 'GET', path: '/begun' });
      for await (const part of answer.body()) {
        expect(new TextDecoder().decode(part)).toBe('one ');
        break;
      }
      await vi.waitFor(() => expect(service.gone).toBe(1));
    });

    it('is lost in the middle of an answer, and unreachable after that', async () => {
      const { transport, lose } = await open();
      const answer = await transport.request({ method: 'GET', path: '/begun' });
      const rest = bytesOf(answer);
      lose();
      await expect(rest).rejects.toMatchObject({ name: 'ApiError', status: 0 });
      await expect(transport.request({ method: 'GET', path: '/echo' })).rejects.toMatchObject({ name: 'ApiError', status: 0 });
    });
  });
}
