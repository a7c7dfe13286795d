// SPDX-License-Identifier: Apache-2.0
// Debian's Chromium, as the tests start it.
import { chromium } from '@playwright/test';

export function startChromium(...args) {
  return chromium.launch({ executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage', ...args] });
}
