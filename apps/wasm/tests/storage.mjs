// SPDX-License-Identifier: Apache-2.0
// The page's storage (docs/browser.md, "The seam") in memory or in a folder, with what can go wrong in a browser: no room,
// a write that is cut short, a page that is gone in the middle.
import fs from 'node:fs';
import path from 'node:path';

// Files as buffers that grow.
export class MemoryStorage {
  constructor({ room = Infinity } = {}) {
    this.files = new Map();
    this.room = room; // bytes that all files may take together
    this.handles = new Map();
    this.next = 1;
    this.writesLeft = Infinity; // then the page is gone: every write throws
  }
  used() {
    return [...this.files.values()].reduce((sum, file) => sum + file.size, 0);
  }
  list() {
    return [...this.files].map(([name, file]) => ({ name, bytes: file.size }));
  }
  open(name, create) {
    if ([...this.handles.values()].some((file) => file.name === name)) return -1; // as sync access handles are
    if (!this.files.has(name)) {
      if (!create) return -1;
      this.files.set(name, { bytes: Buffer.alloc(0), size: 0 });
    }
    this.handles.set(this.next, { name, file: this.files.get(name) });
    return this.next++;
  }
  read(handle, offset, to) {
    const open = this.handles.get(handle);
    if (open === undefined) return -1;
    const count = Math.max(0, Math.min(to.length, open.file.size - offset));
    to.set(open.file.bytes.subarray(offset, offset + count));
    return count;
  }
  write(handle, offset, from) {
    const open = this.handles.get(handle);
    if (open === undefined || open.name.startsWith('picked/')) return -1;
    if (this.writesLeft-- <= 0) throw new Error('the page is gone');
    const grows = Math.max(0, offset + from.length - open.file.size);
    const count = Math.max(0, from.length - Math.max(0, grows - (this.room - this.used())));
    const end = Math.max(open.file.size, offset + count);
    if (end > open.file.bytes.length) {
      const grown = Buffer.alloc(Math.max(end, 2 * open.file.bytes.length));
      open.file.bytes.copy(grown);
      open.file.bytes = grown;
    }
    open.file.bytes.set(from.subarray(0, count), offset);
    open.file.size = end;
    return count;
  }
  size(handle) {
    return this.handles.get(handle)?.file.size ?? -1;
  }
  truncate(handle, size) {
    const open = this.handles.get(handle);
    if (open === undefined) return -1;
    if (size > open.file.bytes.length) open.file.bytes = Buffer.concat([open.file.bytes], size);
    open.file.size = size;
    return 0;
  }
  flush(handle) {
    return this.handles.has(handle) ? 0 : -1;
  }
  close(handle) {
    this.handles.delete(handle);
  }
  delete(name) {
    return this.files.delete(name) ? 0 : -1;
  }
  rename(from, to) {
    if (!this.files.has(from)) return -1;
    this.files.set(to, this.files.get(from));
    this.files.delete(from);
    return 0;
  }
  free() {
    return this.room === Infinity ? -1 : Math.max(0, this.room - this.used());
  }
  // As after a reload: what was open is not.
  reopened() {
    const next = new MemoryStorage({ room: this.room });
    next.files = this.files;
    return next;
  }
  put(name, bytes) {
    this.files.set(name, { bytes: Buffer.from(bytes), size: bytes.length });
  }
}

// Files in a folder, one each; "picked/NAME" may be a link to anything.
export class FolderStorage {
  constructor(folder) {
    this.folder = folder;
    this.picked = new Map();
    fs.mkdirSync(folder, { recursive: true });
  }
  place(name) {
    return this.picked.get(name) ?? path.join(this.folder, encodeURIComponent(name));
  }
  pick(file) {
    this.picked.set(`picked/${path.basename(file)}`, file);
  }
  list() {
    const own = fs.readdirSync(this.folder).map((file) => ({ name: decodeURIComponent(file), bytes: fs.statSync(path.join(this.folder, file)).size }));
    return [...own, ...[...this.picked].map(([name, file]) => ({ name, bytes: fs.statSync(file).size }))];
  }
  open(name, create) {
    try {
      const place = this.place(name);
      if (this.picked.has(name)) return fs.openSync(place, 'r');
      return fs.openSync(place, create && !fs.existsSync(place) ? 'w+' : 'r+');
    } catch {
      return -1;
    }
  }
  read(handle, offset, to) {
    return fs.readSync(handle, to, 0, to.length, offset);
  }
  write(handle, offset, from) {
    return fs.writeSync(handle, from, 0, from.length, offset);
  }
  size(handle) {
    return fs.fstatSync(handle).size;
  }
  truncate(handle, size) {
    fs.ftruncateSync(handle, size);
    return 0;
  }
  flush() {
    return 0;
  }
  close(handle) {
    fs.closeSync(handle);
  }
  delete(name) {
    fs.rmSync(this.place(name), { force: true });
    return 0;
  }
  rename(from, to) {
    fs.renameSync(this.place(from), this.place(to));
    return 0;
  }
  free() {
    return -1;
  }
}
