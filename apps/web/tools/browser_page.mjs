// SPDX-License-Identifier: Apache-2.0
// The page as plain files with the engine inside, for any host: dist-browser. Usage:
//   node tools/browser_page.mjs MODULES     MODULES: the folder with thimble-*.wasm (scripts/build-wasm)
// Beside the page: wasm/ (the modules), sw.js with the digests of all files.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { build } from 'vite';
import { gzipSync } from 'node:zlib';

const kMostBytes = 25_000_000; // what hosts of plain files take at most
const kModules = ['thimble-relaxed-threads.wasm', 'thimble-simd-threads.wasm', 'thimble-simd.wasm'];
const root = join(import.meta.dirname, '..');
const out = join(root, 'dist-browser');
const modules = process.argv[2];
if (!modules) {
  console.error(readFileSync(new URL(import.meta.url), 'utf8').split('\n').slice(1, 5).map((line) => line.slice(3)).join('\n'));
  process.exit(2);
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

rmSync(out, { recursive: true, force: true });
await build({ root, mode: 'browser', logLevel: 'warn', build: { outDir: out, emptyOutDir: true } });
mkdirSync(join(out, 'wasm'));
for (const name of kModules) cpSync(join(modules, name), join(out, 'wasm', name));

// What other programs share with the page once it is installed (Chrome on Android): the service worker takes it.
const manifest = join(out, 'manifest.webmanifest');
const share = {
  action: './share',
  method: 'POST',
  enctype: 'multipart/form-data',
  params: { title: 'title', text: 'text', url: 'url', files: [{ name: 'files', accept: ['image/*'] }] },
};
writeFileSync(manifest, `${JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), share_target: share }, null, 2)}\n`);

// Whatever changes in any file is another version.
const files = filesBelow(out).map((path) => ({
  path: relative(out, path).split(sep).join('/'),
  sha256: createHash('sha256').update(readFileSync(path)).digest('hex'),
}));
const version = createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16);
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  define: { __SHELL__: JSON.stringify({ version, files }) },
  build: {
    outDir: out,
    emptyOutDir: false,
    copyPublicDir: false,
    target: 'es2022',
    lib: { entry: join(root, 'src/shell/service_worker.ts'), formats: ['iife'], name: 'worker', fileName: () => 'sw.js' },
  },
});

let total = 0;
for (const path of filesBelow(out)) {
  const bytes = statSync(path).size;
  if (bytes > kMostBytes) throw new Error(`${path} has ${bytes} bytes; hosts take at most ${kMostBytes}`);
  total += gzipSync(readFileSync(path)).length;
}
writeFileSync(join(out, 'version.txt'), `${version}\n`);
cpSync(join(import.meta.dirname, 'host_headers.txt'), join(out, '_headers')); // for hosts that read such a file
console.log(`${relative(process.cwd(), out)}: ${files.length + 3} files, ${(total / 1024).toFixed(0)} KiB compressed, version ${version}`);
