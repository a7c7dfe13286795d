// SPDX-License-Identifier: Apache-2.0
// The engine's modules in Debian's Chromium, on a page with the carrier alone.
//   THIMBLE_WASM: the folder of thimble-VARIANT.wasm; THIMBLE_FIXTURES: build/fixtures
import { defineConfig, devices } from '@playwright/test';

const chromium = { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] };

export default defineConfig({
  testDir: '.',
  outputDir: '../../test-results/browser',
  globalSetup: './build_page.ts',
  timeout: 60_000,
  expect: { timeout: 20_000 },
  workers: 1,
  reporter: [['list']],
  use: { ...devices['Desktop Chrome'], launchOptions: chromium, locale: 'en-GB', trace: 'off' },
});
