// SPDX-License-Identifier: Apache-2.0
// How large a picture is, from the beginning of its file, before a browser decodes it: 200 megapixels take 800 MB.

export interface Size {
  width: number; // as stored: a photo may be turned when it is shown
  height: number;
}

// Above this nothing here decodes a picture, not even for a preview: browsers decode the whole, also where they are asked
// for less of it, which takes 400 MB.
export const kMostDecoded = 100e6; // pixels

export const areaOf = ({ width, height }: Size) => width * height;

// Enough for the data that cameras put before a JPEG's size, mostly.
export const kSniffed = 512 * 1024;
const kMostSniffs = 64;
const kMostBoxes = 4096;

const text = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

// The size stands in the first frame's header. A number: what is there ends before it, go on from there; null: broken.
function jpegSize(data: DataView, from: number): Size | number | null {
  let at = from;
  while (at + 9 <= data.byteLength) {
    if (data.getUint8(at) !== 0xff) return null;
    const marker = data.getUint8(at + 1);
    if (marker === 0xff) {
      at++; // a filling byte
      continue;
    }
    // Frames are C0 to CF, but for tables of Huffman (C4), arithmetic (CC) and what is reserved (C8).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: data.getUint16(at + 5), width: data.getUint16(at + 7) };
    }
    at += 2 + data.getUint16(at + 2);
  }
  return at;
}

function webpSize(bytes: Uint8Array, data: DataView): Size | null {
  if (bytes.length < 30) return null;
  const kind = text(bytes, 12, 4);
  const three = (at: number) => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
  if (kind === 'VP8X') return { width: three(24) + 1, height: three(27) + 1 };
  if (kind === 'VP8 ') return { width: data.getUint16(26, true) & 0x3fff, height: data.getUint16(28, true) & 0x3fff };
  if (kind !== 'VP8L') return null;
  const packed = data.getUint32(21, true);
  return { width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1 };
}

// Where the boxes of a kind have their content, among those of one level.
function boxes(bytes: Uint8Array, data: DataView, from: number, end: number, kind: string): [from: number, end: number][] {
  const found: [number, number][] = [];
  for (let at = from, i = 0; at + 8 <= end && i < kMostBoxes; i++) {
    let [length, head] = [data.getUint32(at), 8];
    if (length === 1 && at + 16 <= end) [length, head] = [data.getUint32(at + 8) * 2 ** 32 + data.getUint32(at + 12), 16];
    if (length === 0) length = end - at; // to the end
    if (length < head) break;
    const next = Math.min(at + length, end);
    if (text(bytes, at + 4, 4) === kind) found.push([at + head, next]);
    at = next;
  }
  return found;
}

// HEIC and AVIF tell the sizes of all their pictures: tiles, previews, and the whole, which is the largest.
function heifSize(bytes: Uint8Array, data: DataView): Size | null {
  let largest: Size | null = null;
  let places = boxes(bytes, data, 0, bytes.length, 'meta').map(([from, end]): [number, number] => [from + 4, end]);
  for (const kind of ['iprp', 'ipco', 'ispe']) places = places.flatMap(([from, end]) => boxes(bytes, data, from, end, kind));
  for (const [from, end] of places) {
    if (end - from < 12) continue;
    const size = { width: data.getUint32(from + 4), height: data.getUint32(from + 8) };
    if (!largest || areaOf(size) > areaOf(largest)) largest = size;
  }
  return largest;
}

// null: another kind, or cut short.
export function sizeFromHead(bytes: Uint8Array): Size | null {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) return null;
  if (text(bytes, 1, 3) === 'PNG') return { width: data.getUint32(16), height: data.getUint32(20) };
  if (data.getUint16(0) === 0xffd8) {
    const found = jpegSize(data, 2);
    return typeof found === 'number' ? null : found;
  }
  if (text(bytes, 0, 4) === 'GIF8') return { width: data.getUint16(6, true), height: data.getUint16(8, true) };
  if (text(bytes, 0, 2) === 'BM') return { width: Math.abs(data.getInt32(18, true)), height: Math.abs(data.getInt32(22, true)) };
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 4) === 'WEBP') return webpSize(bytes, data);
  if (text(bytes, 4, 4) === 'ftyp') return heifSize(bytes, data);
  return null;
}

// The same for a file. Some JPEGs have previews and profiles of megabytes before their size: it is looked for behind them.
export async function sizeOf(file: Blob): Promise<Size | null> {
  const part = async (from: number) => new Uint8Array(await file.slice(from, from + kSniffed).arrayBuffer());
  const head = await part(0);
  if (head[0] !== 0xff || head[1] !== 0xd8) return sizeFromHead(head);
  let from = 2;
  for (let i = 0; i < kMostSniffs; i++) {
    const bytes = await part(from);
    const found = jpegSize(new DataView(bytes.buffer), 0);
    if (typeof found !== 'number') return found;
    if (found === 0 || from + found >= file.size) return null; // it ends before it says
    from += found;
  }
  return null;
}
