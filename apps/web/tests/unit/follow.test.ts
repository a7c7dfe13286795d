// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { Follower } from '../../src/lib/chat/follow';
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from '../../src/lib/transport/transport';

type Part = string | Error;
const event = (text: string) => `data: {"choices":[{"delta":{"content":"${text}"}}]}\n\n`;
const kEnd = 'data: [DONE]\n\n';

// A transport that gives one prepared answer after the other.
function scripted(answers: { status?: number; parts?: Part[]; fails?: boolean }[]) {
  const asked: TransportRequest[] = [];
  const transport: Transport = {
    async request(request): Promise<TransportAnswer> {
      asked.push(request);
      const next = answers.shift() ?? { status: 404 };
      if (next.fails) throw new ApiError(0, 'unreachable', 'Load failed');
      return {
        status: next.status ?? 200,
        header: () => null,
        async *body() {
          for (const part of next.parts ?? []) {
            if (part instanceof Error) throw part;
            yield new TextEncoder().encode(part);
          }
        },
      };
    },
  };
  return { transport, asked };
}

async function follow(answers: Parameters<typeof scripted>[0], request: Record<string, unknown> | null = {}, isContinued = false) {
  const { transport, asked } = scripted(answers);
  let text = '';
  const states: string[] = [];
  const places: number[] = [];
  const follower = new Follower(
    transport,
    'ID',
    { chunk: (chunk) => (text += chunk.choices?.[0]?.delta?.content ?? ''), waiting: (place) => places.push(place), connection: (state) => states.push(state) },
    new AbortController().signal,
    isContinued,
  );
  const result = await follower.run(request);
  return { result, text, states, places, paths: asked.map(({ method, path }) => `${method} ${path}`), asked };
}

describe('Follower', () => {
  it('reads an answer to its end', async () => {
    const { result, text, paths, places, asked } = await follow([{ parts: [': waiting, place 2\n\n', event('Hel'), event('lo') + kEnd] }]);
    expect([result, text, places]).toEqual(['end', 'Hello', [2]]);
    expect(paths).toEqual(['POST /v1/chat/completions']);
    expect(asked[0]!.headers?.['x-conversation-id']).toBe('ID');
  });

  it('asks nobody for an answer that ended with the engine in the page', async () => {
    const ended = new ApiError(0, 'engine_died', '');
    const { result, text, paths } = await follow([{ parts: [event('a'), ended] }]);
    expect([result, text]).toEqual(['gone', 'a']);
    expect(paths).toEqual(['POST /v1/chat/completions']);
  });

  it('goes on behind the last part after a lost connection', async () => {
    const lost = new ApiError(0, 'unreachable', 'Load failed');
    const { result, text, paths, states } = await follow([{ parts: [event('a'), event('b'), lost] }, { fails: true }, { parts: [event('c')] }, { parts: [event('d'), kEnd] }]);
    expect([result, text]).toEqual(['end', 'abcd']);
    expect(paths).toEqual(['POST /v1/chat/completions', 'GET /thimble/v1/answers/ID?from=2', 'GET /thimble/v1/answers/ID?from=2', 'GET /thimble/v1/answers/ID?from=3']);
    expect(states).toContain('lost');
  });

  it('goes on with an answer from its first part', async () => {
    const { paths, text } = await follow([{ parts: [event('x'), kEnd] }], null);
    expect(paths).toEqual(['GET /thimble/v1/answers/ID?from=0']);
    expect(text).toBe('x');
  });

  it('says when the service has it no longer', async () => {
    expect((await follow([{ status: 404 }], null)).result).toBe('gone');
    expect((await follow([{ parts: [event('a')] }, { status: 410 }])).result).toBe('gone');
  });

  it('asks again for a continued answer until it was taken, since the one before may still be there', async () => {
    const again = await follow([{ fails: true }, { parts: [event('x'), kEnd] }], {}, true);
    expect([again.text, again.paths]).toEqual(['x', ['POST /v1/chat/completions', 'POST /v1/chat/completions']]);
    const runs = await follow([{ fails: true }, { status: 409 }, { parts: [event('y'), kEnd] }], {}, true);
    expect([runs.text, runs.paths.at(-1)]).toEqual(['y', 'GET /thimble/v1/answers/ID?from=0']);
    const taken = await follow([{ parts: [] }, { parts: [event('z'), kEnd] }], {}, true);
    expect([taken.text, taken.paths.at(-1)]).toEqual(['z', 'GET /thimble/v1/answers/ID?from=0']);
    await expect(follow([{ status: 409, parts: ['{"error":{"message":"no"}}'] }], {}, true)).rejects.toMatchObject({ status: 409 });
  });

  it('waits for the answer before, which was stopped and is not at its end yet', async () => {
    const running = { status: 409, parts: ['{"error":{"message":"it runs","code":"answer_running"}}'] };
    const { text, paths, states } = await follow([running, running, { parts: [event('x'), kEnd] }], {}, true);
    expect([text, paths, states]).toEqual(['x', Array(3).fill('POST /v1/chat/completions'), ['connected']]);
    await expect(follow([running])).rejects.toMatchObject({ status: 409 });
    // Once a request was lost on its way it may be the one that runs.
    const lost = await follow([running, { fails: true }, running, { parts: [event('y'), kEnd] }], {}, true);
    expect([lost.text, lost.paths.at(-1)]).toEqual(['y', 'GET /thimble/v1/answers/ID?from=0']);
  });

  it('gives the fault of a request that is refused', async () => {
    await expect(follow([{ status: 400, parts: ['{"error":{"message":"no","code":"model_is_blind"}}'] }])).rejects.toMatchObject({ status: 400, code: 'model_is_blind' });
  });
});
