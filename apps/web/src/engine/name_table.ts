// SPDX-License-Identifier: Apache-2.0
// The table that says which file of the pool has which name, as bytes. It stands in two files, written in turns: whatever
// ends a tab in the middle of writing, the other one is whole.

export interface NameTable {
  generation: number; // the higher one counts
  names: Map<number, string>; // by the number of the pool's file
}

const kMagic = 0x544e4854; // "THNT"
const kVersion = 1;
const kHead = 16; // magic, version, length, checksum
const kMost = 1024 * 1024;

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

export function encodeTable({ generation, names }: NameTable): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify({ generation, names: [...names] }));
  const bytes = new Uint8Array(kHead + text.length);
  const head = new DataView(bytes.buffer);
  head.setUint32(0, kMagic, true);
  head.setUint32(4, kVersion, true);
  head.setUint32(8, text.length, true);
  head.setUint32(12, crc32(text), true);
  bytes.set(text, kHead);
  return bytes;
}

// null: what stands there is no whole table. Bytes behind its end do not count.
export function decodeTable(bytes: Uint8Array): NameTable | null {
  if (bytes.length < kHead) return null;
  const head = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = head.getUint32(8, true);
  if (head.getUint32(0, true) !== kMagic || head.getUint32(4, true) !== kVersion || length > kMost || length > bytes.length - kHead) return null;
  const text = bytes.subarray(kHead, kHead + length);
  if (crc32(text) !== head.getUint32(12, true)) return null;
  try {
    const { generation, names } = JSON.parse(new TextDecoder().decode(text)) as { generation: number; names: [number, string][] };
    return { generation, names: new Map(names) };
  } catch {
    return null;
  }
}

export function newerOf(a: NameTable | null, b: NameTable | null): NameTable | null {
  if (!a || !b) return a ?? b;
  return a.generation >= b.generation ? a : b;
}
