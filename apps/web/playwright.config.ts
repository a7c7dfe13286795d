// SPDX-License-Identifier: Apache-2.0
import { defineConfig, devices } from '@playwright/test';

// Debian's Chromium. THIMBLE_URL and THIMBLE_TOKEN name a server that runs (docs/serve.md) with tests/e2e/script.json;
// without them each test has a mock server of its own.
const chromium = { executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] };

export default defineConfig({
  testDir: 'tests/e2e',
  outputDir: 'test-results',
  timeout: 60_000,
  expect: { timeout: 10_000 },
  fullyParallel: true,
  // One server has one pace for all, and one list of chats.
  workers: process.env['THIMBLE_URL'] ? 1 : 2,
  reporter: [['list']],
  use: { launchOptions: chromium, locale: 'en-GB', trace: 'off' },
  projects: [
    { name: 'desktop', use: { ...devices['Desktop Chrome'], viewport: { width: 1280, height: 800 }, launchOptions: chromium } },
    { name: 'phone', use: { ...devices['Pixel 7'], viewport: { width: 390, height: 844 }, launchOptions: chromium }, grepInvert: /@desktop/ },
  ],
});
