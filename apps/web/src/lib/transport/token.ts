// SPDX-License-Identifier: Apache-2.0
// The token of the service's own routes comes in the fragment of the address that `thimble serve` prints
// (http://127.0.0.1:17741/#token=...). It is kept as long as this tab is open, and leaves the address bar at once.

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

function remember(storage: Storage, token: string): void {
  try {
    storage.setItem(kName, token);
  } catch {
    // Storage may be forbidden; then the token lives as long as the page.
  }
}
