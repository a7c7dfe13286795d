// SPDX-License-Identifier: Apache-2.0
// The engine's memory, as the page's side of the seam sees it. Views are made anew for each use: memory that grows leaves
// them behind.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class EngineMemory {
  constructor(private readonly memory: WebAssembly.Memory) {}

  get bytes(): number {
    return this.memory.buffer.byteLength;
  }

  // Pointers come as signed numbers from WebAssembly.
  view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, at >>> 0, length >>> 0);
  }

  data(): DataView {
    return new DataView(this.memory.buffer);
  }

  copyOut(at: number, length: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(length >>> 0);
    copy.set(this.view(at, length));
    return copy;
  }

  // Texts are copied first: decoders do not take shared memory everywhere.
  text(at: number, length: number): string {
    return decoder.decode(this.copyOut(at, length));
  }

  // Writes what fits into `room` bytes whole or not at all; the text's length.
  putText(text: string, at: number, room: number): number {
    const bytes = encoder.encode(text);
    if (bytes.length <= room >>> 0) this.view(at, bytes.length).set(bytes);
    return bytes.length;
  }
}
