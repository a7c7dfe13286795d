// SPDX-License-Identifier: Apache-2.0
import { defineConfig, devices } from '@playwright/test';
import base from './playwright.config';

// The page of the Android app (dist-android) over a played app (tests/android), at the size of a phone: what only it has,
// and the scenarios of the server's page. Those that do not suit are left out by name.
const kNotHere: [name: RegExp, why: string][] = [
  [/@desktop/, 'for a desktop window'],
  [/offline: it says so/, 'a network that goes away; died.spec has an engine that goes'],
  [/a connection that breaks in the middle/, 'as above'],
  [/two tabs show the same chats/, 'an app has one page'],
  [/without the token it says/, 'an app asks for no key'],
  [/instructions for this chat go with/, 'looks at a request of HTTP; app.spec looks at the port'],
  [/a full disk is a sentence/, 'answers in place of HTTP; app.spec does it on the port'],
  [/prepared models are deleted/, 'as above'],
  [/a line of code stays one line/, 'commands for a terminal, which the page of proofs does not have here'],
  [/the proof page shows that nothing left/, 'other proofs: app.spec'],
  [/a model comes in by its files/, 'uploads by the page; here the app copies: import.spec'],
  [/chats go out as Markdown, JSON and archive/, 'downloads; here the app saves: app.spec'],
  [/a HEIC photo, which this browser cannot show/, 'here the app decodes it: app.spec'],
  [/photos of 12 and 50 megapixels/, 'as above, the large ones'],
];

export default defineConfig({
  ...base,
  testDir: 'tests',
  testMatch: ['e2e/{chat,history,pages,photos,pictures}.spec.ts', 'android/*.spec.ts'],
  grepInvert: kNotHere.map(([name]) => name),
  projects: [
    {
      name: 'android',
      use: {
        ...devices['Pixel 7'],
        viewport: { width: 412, height: 915 },
        userAgent: 'Mozilla/5.0 (Linux; Android 15; Pixel 7 Build/AP3A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/156.0.0.0 Mobile Safari/537.36',
        launchOptions: base.use?.launchOptions,
        carrier: 'android',
      } as object,
    },
  ],
});
