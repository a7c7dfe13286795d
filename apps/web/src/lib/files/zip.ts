// SPDX-License-Identifier: Apache-2.0
// Archives: reading with bounds, entry by entry from the file itself, and writing without compression of what is
// compressed already. fflate does the deflating.
import { deflateSync, inflateSync } from 'fflate';
import { ZipError } from './zip_error';

export interface ZipEntry {
  name: string;
  size: number; // as it says; no more is ever given out
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface ZipBounds {
  entries: number;
  entryBytes: number;
  totalBytes: number;
}

const kEnd = 0x06054b50;
const kCentral = 0x02014b50;
const kLocal = 0x04034b50;

async function viewOf(file: Blob, from: number, to: number): Promise<DataView> {
  return new DataView(await file.slice(Math.max(0, from), to).arrayBuffer());
}

// The entries of an archive. Throws ZipError for what is none, is encrypted or split, or beyond the bounds.
export async function readZip(file: Blob, bounds: ZipBounds): Promise<ZipEntry[]> {
  const tailFrom = Math.max(0, file.size - 65_557);
  const tail = await viewOf(file, tailFrom, file.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== kEnd) end--;
  if (end < 0) throw new ZipError('no archive');
  const count = tail.getUint16(end + 10, true);
  const length = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (count > bounds.entries) throw new ZipError('too many entries');
  if (start + length > tailFrom + end) throw new ZipError('broken');
  const central = await viewOf(file, start, start + length);
  const entries: ZipEntry[] = [];
  let total = 0;
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > central.byteLength || central.getUint32(at, true) !== kCentral) throw new ZipError('broken');
    const flags = central.getUint16(at + 8, true);
    const method = central.getUint16(at + 10, true);
    const crc = central.getUint32(at + 16, true);
    const packed = central.getUint32(at + 20, true);
    const size = central.getUint32(at + 24, true);
    const nameLength = central.getUint16(at + 28, true);
    const skip = central.getUint16(at + 30, true) + central.getUint16(at + 32, true);
    const local = central.getUint32(at + 42, true);
    if (at + 46 + nameLength + skip > central.byteLength) throw new ZipError('broken');
    const name = new TextDecoder().decode(new Uint8Array(central.buffer, at + 46, nameLength));
    at += 46 + nameLength + skip;
    if (flags & 1 || (method !== 0 && method !== 8)) throw new ZipError('unknown method');
    total += size;
    if (size > bounds.entryBytes || packed > bounds.entryBytes || total > bounds.totalBytes) throw new ZipError('too large');
    entries.push({ name, size, read: () => readEntry(file, local, { packed, size, method, crc }) });
  }
  return entries;
}

interface Stored {
  packed: number;
  size: number;
  method: number;
  crc: number;
}

async function readEntry(file: Blob, local: number, { packed, size, method, crc }: Stored): Promise<Uint8Array<ArrayBuffer>> {
  const head = await viewOf(file, local, local + 30);
  if (head.byteLength < 30 || head.getUint32(0, true) !== kLocal) throw new ZipError('broken');
  const from = local + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const data = new Uint8Array(await file.slice(from, from + packed).arrayBuffer());
  if (data.length !== packed) throw new ZipError('broken');
  const made = method === 0 ? data : inflate(data, size);
  if (made.length !== size || crc32(made) !== crc) throw new ZipError('broken');
  return made;
}

// Into a buffer of the size it says: a longer stream is a fault, not memory.
function inflate(data: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  try {
    return inflateSync(data, { out: new Uint8Array(size) }) as Uint8Array<ArrayBuffer>;
  } catch {
    throw new ZipError('broken');
  }
}

const kTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

export function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = kTable[(crc ^ byte) & 255]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// An archive that is written entry by entry, so that one entry is in memory at a time.
export class ZipWriter {
  private readonly parts: BlobPart[] = [];
  private readonly central: Uint8Array<ArrayBuffer>[] = [];
  private at = 0;

  add(name: string, data: Uint8Array<ArrayBuffer>, deflates: boolean): void {
    const packed = (deflates ? deflateSync(data) : data) as Uint8Array<ArrayBuffer>;
    const bytes = new TextEncoder().encode(name);
    const common = new DataView(new ArrayBuffer(26));
    common.setUint16(0, 20, true);
    common.setUint16(2, 0x0800, true); // names in UTF-8
    common.setUint16(4, deflates ? 8 : 0, true);
    common.setUint32(6, 0x00210000, true); // no time: the same chats make the same archive
    common.setUint32(10, crc32(data), true);
    common.setUint32(14, packed.length, true);
    common.setUint32(18, data.length, true);
    common.setUint16(22, bytes.length, true);
    const head = new Uint8Array(4 + 26 + bytes.length);
    new DataView(head.buffer).setUint32(0, kLocal, true);
    head.set(new Uint8Array(common.buffer), 4);
    head.set(bytes, 30);
    const entry = new Uint8Array(46 + bytes.length);
    const view = new DataView(entry.buffer);
    view.setUint32(0, kCentral, true);
    view.setUint16(4, 20, true);
    entry.set(new Uint8Array(common.buffer), 6);
    view.setUint32(42, this.at, true);
    entry.set(bytes, 46);
    this.central.push(entry);
    // A Blob may lie on the disk, an array does not.
    this.parts.push(new Blob([head, packed]));
    this.at += head.length + packed.length;
  }

  finish(): Blob {
    const length = this.central.reduce((sum, entry) => sum + entry.length, 0);
    const end = new DataView(new ArrayBuffer(22));
    end.setUint32(0, kEnd, true);
    end.setUint16(8, this.central.length, true);
    end.setUint16(10, this.central.length, true);
    end.setUint32(12, length, true);
    end.setUint32(16, this.at, true);
    return new Blob([...this.parts, ...this.central, end.buffer as ArrayBuffer], { type: 'application/zip' });
  }
}
