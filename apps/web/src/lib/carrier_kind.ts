// SPDX-License-Identifier: Apache-2.0

export type CarrierKind = 'server' | 'browser' | 'android';

// What carries this page: its index.html says so, unless it is a server's (tools/browser_page.mjs, tools/android_page.mjs).
export function carrierKind(): CarrierKind {
  const told = globalThis.document?.querySelector('meta[name=thimble-carrier]')?.getAttribute('content');
  return told === 'browser' || told === 'android' ? told : 'server';
}

// Whether this page is plain files with the engine inside.
export function isOfBrowser(): boolean {
  return carrierKind() === 'browser';
}

// Whether this page is an app's, whose engine answers over a port.
export function isOfApp(): boolean {
  return carrierKind() === 'android';
}

// Whether somebody else's program, started in a terminal, answers.
export function isOfServer(): boolean {
  return carrierKind() === 'server';
}
