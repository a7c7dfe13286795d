// SPDX-License-Identifier: Apache-2.0
// A model's file in pieces that hosts of plain files take, each with its digest. Usage:
//   node tools/model_pieces.mjs FILE FOLDER NAME     writes FOLDER/NAME.000, ..., and FOLDER/NAME.json
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const kPieceBytes = 24 * 1024 * 1024;
const [file, folder, name] = process.argv.slice(2);
if (!name) {
  console.error('node tools/model_pieces.mjs FILE FOLDER NAME');
  process.exit(2);
}

const total = statSync(file).size;
const pieces = [];
const input = openSync(file);
mkdirSync(folder, { recursive: true });
for (let at = 0; at < total; at += kPieceBytes) {
  const bytes = Buffer.alloc(Math.min(kPieceBytes, total - at));
  if (readSync(input, bytes, 0, bytes.length, at) !== bytes.length) throw new Error(`${file} became shorter`);
  const piece = `${name}.${String(pieces.length).padStart(3, '0')}`;
  writeFileSync(join(folder, piece), bytes);
  pieces.push({ piece, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });
}
closeSync(input);
writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(pieces, null, 1)}\n`);
console.log(`${basename(file)}: ${pieces.length} pieces of at most ${kPieceBytes} bytes in ${folder}`);
