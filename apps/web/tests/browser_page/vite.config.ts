// SPDX-License-Identifier: Apache-2.0
// The page as it is without a server, for tests: its meta element, the engine in place of which engine.ts answers, no
// service worker (tests/shell has that), and a page that runs the common suite of stores.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const here = import.meta.dirname;
const top = join(here, '../..');

const browserPage: Plugin = {
  name: 'browser-page',
  enforce: 'pre',
  resolveId: (source) => {
    if (source.endsWith('/transport/engine_transport')) return join(here, 'engine.ts');
    return source.endsWith('/shell/start') ? join(here, 'start.ts') : null;
  },
  transformIndexHtml: () => [{ tag: 'meta', attrs: { name: 'thimble-carrier', content: 'browser' }, injectTo: 'head' }],
};

export default defineConfig({
  root: top,
  base: './',
  logLevel: 'error',
  plugins: [browserPage, svelte()],
  define: { __THIMBLE_VERSION__: JSON.stringify('0.0.0') },
  resolve: { alias: { vitest: join(here, 'harness.ts') } },
  build: {
    target: 'es2022',
    outDir: process.env['THIMBLE_PAGE_OUT'] ?? join(top, 'test-results/browser_page'),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: { index: join(top, 'index.html'), suite: join(here, 'suite.html') } },
  },
});
