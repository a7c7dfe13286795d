// SPDX-License-Identifier: Apache-2.0
// Archives as attackers make them: each field of an entry can be another than it should.
import { crc32, deflateRawSync } from 'node:zlib';

// Entries: {name, data, says?: size it claims, packs?: bytes, at?: place of another entry's beginning}.
export function makeArchive(entries, { count = entries.length } = {}) {
  const parts = [];
  const central = [];
  let at = 0;
  for (const { name, data, says, packed = deflateRawSync(data), place } of entries) {
    const label = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(data), 14);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(says ?? data.length, 22);
    local.writeUInt16LE(label.length, 26);
    const head = Buffer.alloc(46);
    head.writeUInt32LE(0x02014b50, 0);
    head.writeUInt16LE(20, 4);
    head.writeUInt16LE(20, 6);
    local.copy(head, 10, 8, 28);
    head.writeUInt16LE(label.length, 28);
    head.writeUInt32LE(place ?? at, 42);
    central.push(head, label);
    if (place !== undefined) continue;
    parts.push(local, label, packed);
    at += local.length + label.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50, 0);
  last.writeUInt16LE(count & 0xffff, 8);
  last.writeUInt16LE(count & 0xffff, 10);
  last.writeUInt32LE(directory.length, 12);
  last.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, directory, last]);
}
