// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { exchangeCode, takeCode, takeToken } from '../../src/lib/transport/token';

const kCode = '0069303f' + 'ab'.repeat(49);
const kToken = 'f'.repeat(64);

function session() {
  const kept = new Map<string, string>();
  const storage = { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => kept.set(name, value) };
  const replaced: string[] = [];
  const history = { replaceState: (_: unknown, __: string, url: string) => replaced.push(url) };
  return { kept, replaced, storage: storage as unknown as Storage, history: history as unknown as History };
}
const at = (hash: string) => ({ hash, pathname: '/', search: '?lang=de' }) as Location;
const answering = (status: number, body: string, asked: RequestInit[] = []) =>
  ((url: string, how: RequestInit) => {
    expect(url).toBe('/thimble/v1/token');
    asked.push(how);
    return Promise.resolve(new Response(body, { status }));
  }) as unknown as typeof fetch;

describe('a code that opens the page', () => {
  it('comes from the fragment, leaves it, and is no token', () => {
    const { history, replaced, storage } = session();
    expect(takeCode(at(`#code=${kCode}`), history)).toBe(kCode);
    expect(replaced).toEqual(['/?lang=de']);
    expect(takeToken(at(`#code=${kCode}`), history, storage)).toBe('');
    for (const hash of ['', '#/chat/x', `#token=${kToken}`, '#code=', '#code=<b>', `#code=${kCode}&x`, `#code=${'a'.repeat(300)}`])
      expect(takeCode(at(hash), history)).toBe('');
    expect(replaced).toHaveLength(1);
  });

  it('is exchanged for the token, which is kept', async () => {
    const { kept, history, storage } = session();
    const asked: RequestInit[] = [];
    expect(await exchangeCode(kCode, answering(200, JSON.stringify({ token: kToken }), asked), storage)).toBe(kToken);
    expect(asked[0]).toMatchObject({ method: 'POST', body: JSON.stringify({ code: kCode }) });
    expect([...kept.values()]).toEqual([kToken]);
    expect(takeToken(at(''), history, storage)).toBe(kToken);
  });

  it('that is good no more leaves what is kept', async () => {
    const { kept, storage } = session();
    kept.set('thimble:token', kToken);
    const answers: [number, string][] = [[401, '{"error":{}}'], [401, `{"token":"${kToken}x"}`], [200, '{}'], [200, '{"token":5}'], [200, '{"token":""}'], [200, '<html>'], [200, 'null']];
    for (const [status, body] of answers) expect(await exchangeCode(kCode, answering(status, body), storage)).toBe('');
    const lost = (() => Promise.reject(new TypeError('lost'))) as unknown as typeof fetch;
    expect(await exchangeCode(kCode, lost, storage)).toBe('');
    expect([...kept.values()]).toEqual([kToken]);
  });
});
