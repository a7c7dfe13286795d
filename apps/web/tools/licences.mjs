// SPDX-License-Identifier: Apache-2.0
// Writes src/licences.json: what of others is in the built page. Fails on a dependency without a licence of its own.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const list = Object.keys(dependencies).map((name) => {
  const folder = join(root, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!license || !file) throw new Error(`${name} has no licence`);
  return { name, version, licence: license, text: readFileSync(join(folder, file), 'utf8').trim() };
});
const text = `${JSON.stringify(list, null, 1)}\n`;
const path = join(root, 'src/licences.json');
let before = '';
try {
  before = readFileSync(path, 'utf8');
} catch {
  // The first time.
}
if (before !== text) writeFileSync(path, text);
