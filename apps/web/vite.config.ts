// SPDX-License-Identifier: Apache-2.0
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

// The page and the service compare their versions; the project's is said in one place.
const version = /VERSION (\d+\.\d+\.\d+)/.exec(readFileSync(new URL('../../CMakeLists.txt', import.meta.url), 'utf8'))?.[1] ?? '';

// Assets by relative names, so that the page works in any folder of any carrier, and nothing inlined, so that the content
// policy needs no exceptions.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  define: { __THIMBLE_VERSION__: JSON.stringify(version) },
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { port: 17742, proxy: { '/v1': 'http://127.0.0.1:17741', '/thimble': 'http://127.0.0.1:17741' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'jsdom' },
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
});
