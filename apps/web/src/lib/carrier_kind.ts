// SPDX-License-Identifier: Apache-2.0

// Whether this page is plain files with the engine inside (tools/browser_page.mjs), not a server's.
export function isOfBrowser(): boolean {
  return globalThis.document?.querySelector('meta[name=thimble-carrier]')?.getAttribute('content') === 'browser';
}
