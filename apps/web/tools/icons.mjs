// SPDX-License-Identifier: Apache-2.0
// Makes public/icon-*.png from public/icon.svg, with Chromium. Run it when the mark changes; its results are committed.
import { chromium } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../public');
const svg = readFileSync(join(folder, 'icon.svg'), 'utf8');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
for (const [name, size, isSquare] of [['icon-32', 32], ['icon-180', 180, true], ['icon-192', 192], ['icon-512', 512], ['icon-maskable-512', 512, true]]) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  // Square to its edges where the system cuts the shape itself.
  const drawn = isSquare ? svg.replace('rx="7"', '') : svg;
  await page.goto(`data:image/svg+xml;base64,${Buffer.from(drawn.replace('<svg ', `<svg width="${size}" height="${size}" `)).toString('base64')}`);
  await page.screenshot({ path: join(folder, `${name}.png`), omitBackground: true });
  await page.close();
}
await browser.close();
