// SPDX-License-Identifier: Apache-2.0
// Files without what they say about their colours. The model's pictures are read as they stand in the file; WebKit converts
// them all the same, whatever it is asked for, and every photo of an iPhone has a profile.
import { kSniffed } from './size';

const kPngColours = ['iCCP', 'gAMA', 'cHRM', 'sRGB', 'cICP'];

type Part = [from: number, end: number];

const text = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

function jpegProfiles(bytes: Uint8Array): Part[] {
  const found: Part[] = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // a filling byte
      continue;
    }
    if (marker === 0xda) break; // the pixels
    const next = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    if (marker === 0xe2 && text(bytes, at + 4, 12) === 'ICC_PROFILE\0') found.push([at, next]);
    at = next;
  }
  return found;
}

function pngColours(bytes: Uint8Array): Part[] {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Part[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const kind = text(bytes, at + 4, 4);
    if (kind === 'IDAT') break;
    const next = at + 12 + data.getUint32(at);
    if (kPngColours.includes(kind)) found.push([at, next]);
    at = next;
  }
  return found;
}

// The file itself where there is nothing to leave out. Its beginning is copied as one part: Firefox does not know a picture
// whose first part has a few bytes.
export async function withoutColours(file: Blob): Promise<Blob> {
  const bytes = new Uint8Array(await file.slice(0, kSniffed).arrayBuffer());
  let cut: Part[] = [];
  if (bytes[0] === 0xff && bytes[1] === 0xd8) cut = jpegProfiles(bytes);
  else if (text(bytes, 1, 3) === 'PNG') cut = pngColours(bytes);
  if (cut.length === 0) return file;
  let length = 0;
  let from = 0;
  for (const [at, next] of cut) {
    bytes.copyWithin(length, from, at);
    length += at - from;
    from = next;
  }
  const head = bytes.subarray(from); // behind the last one, which may reach beyond what was read
  bytes.copyWithin(length, from);
  return new Blob([bytes.subarray(0, length + head.length), file.slice(Math.max(from, bytes.length))], { type: file.type });
}
