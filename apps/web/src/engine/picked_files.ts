// SPDX-License-Identifier: Apache-2.0
// Files that somebody chose, read in place and never kept: "picked/NAME" for the engine.
import type { OpenFile } from './open_file';
import type { PickedFile } from './protocol';

// Only in workers, so TypeScript's DOM does not know it.
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

export const kPicked = 'picked/';
const kAhead = 1024 * 1024; // bytes that small reads fetch at once: a call takes a millisecond

type Read = (part: Blob) => ArrayBuffer;
const readInWorker: Read = (part) => new FileReaderSync().readAsArrayBuffer(part);

export class PickedFiles {
  private readonly files = new Map<string, File>();

  constructor(private readonly read: Read = readInWorker) {}

  add(files: readonly PickedFile[]): void {
    for (const { name, file } of files) this.files.set(kPicked + name, file);
  }

  remove(names: readonly string[]): void {
    for (const name of names) this.files.delete(kPicked + name);
  }

  list(): { name: string; bytes: number }[] {
    return [...this.files].map(([name, { size }]) => ({ name, bytes: size }));
  }

  open(name: string): OpenFile | null {
    const file = this.files.get(name);
    if (!file) return null;
    const refuse = () => {
      throw new Error(`${name} is only read`);
    };
    return { read: this.reader(file), write: refuse, size: () => file.size, truncate: refuse, flush: () => undefined, close: () => undefined };
  }

  private reader(file: File): OpenFile['read'] {
    let ahead = new Uint8Array(0);
    let aheadAt = 0;
    return (at, into) => {
      const length = Math.max(0, Math.min(into.length, file.size - at));
      if (length > kAhead) {
        into.set(new Uint8Array(this.read(file.slice(at, at + length))));
        return length;
      }
      if (at < aheadAt || at + length > aheadAt + ahead.length) {
        ahead = new Uint8Array(this.read(file.slice(at, at + kAhead)));
        aheadAt = at;
      }
      into.set(ahead.subarray(at - aheadAt, at - aheadAt + length));
      return length;
    };
  }
}
