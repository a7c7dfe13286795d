// SPDX-License-Identifier: Apache-2.0
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readdirSync, readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import licences from './src/licences.json' with { type: 'json' };

// The page and the service compare their versions; the project's is said in one place.
const version = /VERSION (\d+\.\d+\.\d+)/.exec(readFileSync(new URL('../../CMakeLists.txt', import.meta.url), 'utf8'))?.[1] ?? '';

// What of others ends up in the page is what its licences tell of, and NOTICE (tools/licences.py).
const licencesOfAll: Plugin = {
  name: 'licences-of-all',
  generateBundle(_, bundle) {
    const inside = new Set<string>();
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== 'chunk') continue;
      for (const [id, module] of Object.entries(chunk.modules)) {
        const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1];
        if (name && module.renderedLength > 0) inside.add(name);
      }
    }
    const told = new Set(licences.map(({ name }) => name));
    const wrong = [...inside].filter((name) => !told.has(name)).concat([...told].filter((name) => !inside.has(name)));
    if (wrong.length > 0) this.error(`src/licences.json and the page differ in ${wrong.join(', ')}`);
  },
};

// As plain files with the engine inside (tools/browser_page.mjs), the page says so, and what the server's headers say else.
const kPolicy = [
  "default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'", "style-src 'self'", "font-src 'self'",
  "img-src 'self' data: blob:", "connect-src 'self'", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'",
  "require-trusted-types-for 'script'", 'trusted-types thimble-worker',
].join('; ');
// Where scripts do not run (file://, a browser that is too old) the page says why, in each of its languages.
const withoutScripts = () =>
  readdirSync(new URL('src/messages', import.meta.url))
    .sort((a, b) => Number(b === 'en.json') - Number(a === 'en.json') || (a < b ? -1 : 1))
    .map((name) => {
      const words = JSON.parse(readFileSync(new URL(`src/messages/${name}`, import.meta.url), 'utf8')) as Record<string, string>;
      const lang = name.replace('.json', '');
      return { tag: 'p', attrs: { lang, dir: lang === 'ar' ? 'rtl' : 'ltr' }, children: words['own.nothingElse'] };
    });
const browserCarrier: Plugin = {
  name: 'browser-carrier',
  transformIndexHtml: () => [
    { tag: 'div', attrs: { class: 'cannot' }, children: withoutScripts(), injectTo: 'body' },
    { tag: 'meta', attrs: { 'http-equiv': 'content-security-policy', content: kPolicy }, injectTo: 'head-prepend' },
    { tag: 'meta', attrs: { name: 'thimble-carrier', content: 'browser' }, injectTo: 'head' },
    { tag: 'meta', attrs: { name: 'referrer', content: 'no-referrer' }, injectTo: 'head' },
  ],
};

// In an app's web view (tools/android_page.mjs): its requests go over a port, so it connects to nothing at all.
const kAppPolicy = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "font-src 'self'", "img-src 'self' data: blob:",
  "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
].join('; ');
const appCarrier: Plugin = {
  name: 'app-carrier',
  transformIndexHtml: {
    order: 'pre',
    handler: (html) => ({
      // An app has its own name and icons.
      html: html.replace(/^ *<link rel="(?:manifest|apple-touch-icon)".*\n/gm, ''),
      tags: [
        { tag: 'meta', attrs: { 'http-equiv': 'content-security-policy', content: kAppPolicy }, injectTo: 'head-prepend' },
        { tag: 'meta', attrs: { name: 'thimble-carrier', content: 'android' }, injectTo: 'head' },
        { tag: 'meta', attrs: { name: 'referrer', content: 'no-referrer' }, injectTo: 'head' },
      ],
    }),
  },
};

// The words of one carrier's page are for that page alone. (No key of theirs is used where another one carries it.)
const kOthersWords: Record<string, RegExp> = {
  server: /^(own|engine|device|update|store|app)\./,
  browser: /^app\./,
  android: /^(engine|update|store|api)\./,
};
const wordsOf = (carrier: string): Plugin => ({
  name: 'words-of-carrier',
  apply: 'build',
  enforce: 'pre',
  transform(code, id) {
    if (!/\/src\/messages\/\w+\.json$/.test(id)) return undefined;
    const words = Object.entries(JSON.parse(code) as Record<string, unknown>).filter(([key]) => !kOthersWords[carrier]!.test(key));
    return { code: JSON.stringify(Object.fromEntries(words)), map: null };
  },
});

// What only another carrier's page would load is not in this one's files.
const kOthersModules: Record<string, RegExp> = {
  server: /\/android\/\w+(\.svelte)?$/,
  browser: /\/android\/\w+(\.svelte)?$/,
  android: /\/(transport\/engine_transport|store\/browser_store|shell\/start|EngineNotice\.svelte|BringModel\.svelte|pages\/Device\.svelte|ApiCard\.svelte)$/,
};
const kCarrierKinds: Record<string, string> = { server: 'Server', browser: 'Browser', android: 'App' };
const kNotHere = '\0not-here';
const modulesOf = (carrier: string): Plugin => ({
  name: 'modules-of-carrier',
  apply: 'build',
  enforce: 'pre',
  resolveId: (source, importer) => (kOthersModules[carrier]!.test(source) && !importer?.includes('/src/android/') ? kNotHere : null),
  // What the page asks itself (src/lib/carrier_kind.ts) is known when it is built.
  transform(code, id) {
    if (!/\/src\/.*\.(ts|svelte)$/.test(id) || id.endsWith('/carrier_kind.ts') || !code.includes('isOf')) return undefined;
    return { code: code.replace(/\bisOf(App|Browser|Server)\(\)/g, (_, kind) => String(kind === kCarrierKinds[carrier])), map: null };
  },
  load: (id) => (id === kNotHere ? 'export default undefined; export const openApp = undefined, openEngine = undefined, openBrowserStore = undefined, startShell = undefined;' : null),
});
const pluginsOf: Record<string, Plugin[]> = { server: [], browser: [browserCarrier], android: [appCarrier] };

// Assets by relative names, so that the page works in any folder of any carrier, and nothing inlined, so that the content
// policy needs no exceptions.
const carrierOf = (mode: string) => (mode === 'browser' || mode === 'android' ? mode : 'server');
export default defineConfig(({ mode }) => ({
  base: './',
  plugins: [svelte(), licencesOfAll, ...pluginsOf[carrierOf(mode)]!, wordsOf(carrierOf(mode)), modulesOf(carrierOf(mode))],
  define: { __THIMBLE_VERSION__: JSON.stringify(version) },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  // Module workers, which load theirs by relative names too.
  worker: { format: 'es' },
  server: { port: 17742, proxy: { '/v1': 'http://127.0.0.1:17741', '/thimble': 'http://127.0.0.1:17741' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'jsdom' },
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
}));
