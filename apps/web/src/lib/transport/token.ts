// SPDX-License-Identifier: Apache-2.0
// The token of the service's own routes comes in the fragment of the address that `thimble serve` prints
// (http://127.0.0.1:17741/#token=...). It is kept as long as this tab is open, and leaves the address bar at once.
// Where `thimble serve` opens the browser itself, the fragment is a code instead (#code=...), good once and for a minute:
// the address is an argument of the browser's program, which others on the computer may read.

const kName = 'thimble:token';

export function takeToken(location: Location, history: History, storage: Storage): string {
  const found = /^#(?:token=)?([0-9A-Za-z_-]{16,128})$/.exec(location.hash);
  if (found) {
    history.replaceState(null, '', location.pathname + location.search);
    remember(storage, found[1]!);
    return found[1]!;
  }
  try {
    return storage.getItem(kName) ?? '';
  } catch {
    return '';
  }
}

export function takeCode(location: Location, history: History): string {
  const found = /^#code=([0-9a-f]{16,256})$/.exec(location.hash);
  if (!found) return '';
  history.replaceState(null, '', location.pathname + location.search);
  return found[1]!;
}

// The token for a code; empty where the code is good no more, or the service takes none.
export async function exchangeCode(code: string, ask: typeof fetch, storage: Storage): Promise<string> {
  try {
    const answer = await ask('/thimble/v1/token', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code }),
    });
    const { token } = (await answer.json()) as { token?: unknown };
    if (!answer.ok || typeof token !== 'string' || token === '') return '';
    remember(storage, token);
    return token;
  } catch {
    return '';
  }
}

function remember(storage: Storage, token: string): void {
  try {
    storage.setItem(kName, token);
  } catch {
    // Storage may be forbidden; then the token lives as long as the page.
  }
}
