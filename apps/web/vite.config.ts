// SPDX-License-Identifier: Apache-2.0
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Assets by relative names, so that the page works in any folder of any carrier, and nothing inlined, so that the content
// policy needs no exceptions.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { port: 17742, proxy: { '/v1': 'http://127.0.0.1:17741', '/thimble': 'http://127.0.0.1:17741' } },
  test: { include: ['tests/unit/**/*.test.ts'], environment: 'jsdom' },
  resolve: process.env['VITEST'] ? { conditions: ['browser'] } : {},
});
