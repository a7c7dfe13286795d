// SPDX-License-Identifier: Apache-2.0
// How large a picture is, from the beginning of its file, before a browser decodes it: 200 megapixels take 800 MB.

export interface Size {
  width: number;
  height: number;
}

// Enough for the data that cameras put before a JPEG's size.
export const kSniffed = 512 * 1024;

const text = (bytes: Uint8Array, at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));

function jpegSize(data: DataView): Size | null {
  let at = 2;
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
  return null;
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

// null: another kind, or cut short.
export function sizeFromHead(bytes: Uint8Array): Size | null {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) return null;
  if (text(bytes, 1, 3) === 'PNG') return { width: data.getUint32(16), height: data.getUint32(20) };
  if (data.getUint16(0) === 0xffd8) return jpegSize(data);
  if (text(bytes, 0, 4) === 'GIF8') return { width: data.getUint16(6, true), height: data.getUint16(8, true) };
  if (text(bytes, 0, 2) === 'BM') return { width: Math.abs(data.getInt32(18, true)), height: Math.abs(data.getInt32(22, true)) };
  if (text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 4) === 'WEBP') return webpSize(bytes, data);
  return null;
}
