// SPDX-License-Identifier: Apache-2.0
// What the first load costs: index.html and what it names, compressed as gzip -9 does. Fails beyond the limit, and where
// the built page has an inline script or style, names anything that is not its own, or has the browser's own store in it.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const kLimit = 200; // KiB
const dist = join(import.meta.dirname, '../dist');
const sizeOf = (name) => gzipSync(readFileSync(join(dist, name)), { level: 9 }).length;

const html = readFileSync(join(dist, 'index.html'), 'utf8');
if (/<style|\sstyle=|<script(?![^>]*\ssrc=)|\son[a-z]+=|https?:\/\//i.test(html)) throw new Error('index.html has something inline or foreign');

// What is named by index.html, and statically by what that names.
const first = new Set(['index.html']);
const follow = (name) => {
  if (first.has(name)) return;
  first.add(name);
  if (!name.endsWith('.js')) return;
  const code = readFileSync(join(dist, name), 'utf8');
  for (const [, path] of code.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) follow(`assets/${path}`);
};
for (const [, path] of html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)) follow(path);

// What only the page without a server needs (src/lib/carrier.ts).
for (const name of first) if (readFileSync(join(dist, name), 'utf8').includes('thimble:answer:')) throw new Error(`${name} has the browser's own store`);

let total = 0;
for (const name of first) {
  const bytes = sizeOf(name);
  total += bytes;
  console.log(`${(bytes / 1024).toFixed(1).padStart(8)} KiB  ${name}`);
}
const rest = readdirSync(join(dist, 'assets')).filter((name) => !first.has(`assets/${name}`));
console.log(`${(total / 1024).toFixed(1).padStart(8)} KiB  first load (at most ${kLimit})`);
for (const name of rest) console.log(`${(sizeOf(`assets/${name}`) / 1024).toFixed(1).padStart(8)} KiB  later: ${name}`);
if (total > kLimit * 1024) {
  console.error(`the first load is larger than ${kLimit} KiB`);
  process.exit(1);
}
