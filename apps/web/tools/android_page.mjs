// SPDX-License-Identifier: Apache-2.0
// The page as the Android app's assets: dist-android. Usage:
//   node tools/android_page.mjs
// Its requests go over the app's port, so it has no service worker, no WebAssembly and nothing of the other carriers.
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build } from 'vite';

const kMostBytes = 2_000_000;
const kNotForApps = /^(manifest\.webmanifest|icon-.*\.png)$/; // an app has its own name and icons
// Of the other carriers: fetch to a server, the engine's worker, the browser's own store, the service worker.
const kForeign = [/WebAssembly\.[a-z]+\(/i, /\bnew Worker\(/, /serviceWorker\b[^`]/, /indexedDB\./, /\bnew FetchTransport\b|x-thimble-token/i];
const root = join(import.meta.dirname, '..');
const out = join(root, 'dist-android');

rmSync(out, { recursive: true, force: true });
await build({ root, mode: 'android', logLevel: 'warn', build: { outDir: out, emptyOutDir: true } });
for (const name of readdirSync(out)) if (kNotForApps.test(name)) rmSync(join(out, name));

let total = 0;
const files = readdirSync(out, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile())
  .map((entry) => join(entry.parentPath, entry.name));
for (const path of files) {
  total += statSync(path).size;
  const name = relative(out, path);
  if (!/\.(html|js|css|svg|woff2)$/.test(name)) throw new Error(`${name} is of no kind that the page needs`);
  if (!name.endsWith('.js')) continue;
  const code = readFileSync(path, 'utf8');
  for (const foreign of kForeign) if (foreign.test(code)) throw new Error(`${name} has something of another carrier: ${foreign}`);
}
const html = readFileSync(join(out, 'index.html'), 'utf8');
if (!html.includes('content="android"') || !html.includes('content-security-policy')) throw new Error('index.html does not say what carries it, or under which policy');
if (/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|https?:\/\//i.test(html)) throw new Error('index.html has something inline or foreign');
if (total > kMostBytes) throw new Error(`the page has ${total} bytes; ${kMostBytes} are the most that its app should carry`);
console.log(`${relative(process.cwd(), out)}: ${files.length} files, ${(total / 1024).toFixed(0)} KiB`);
