// SPDX-License-Identifier: Apache-2.0
// The test page, built as the real one is.
import { join } from 'node:path';
import { defineConfig } from 'vite';

export default defineConfig({
  root: join(import.meta.dirname, 'page'),
  base: './',
  publicDir: false,
  worker: { format: 'es' },
  build: {
    target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false,
    outDir: process.env['THIMBLE_TEST_PAGE'] ?? join(import.meta.dirname, '../../test-results/browser-page'), emptyOutDir: true,
  },
});
