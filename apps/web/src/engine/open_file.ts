// SPDX-License-Identifier: Apache-2.0

// A file that the engine has open. All calls may throw.
export interface OpenFile {
  read(at: number, into: Uint8Array): number; // bytes; fewer at the end
  write(at: number, from: Uint8Array): number;
  size(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
