// SPDX-License-Identifier: Apache-2.0

// What the engine's modules export. Texts go in as a pointer and a length.
export interface EngineExports {
  memory?: WebAssembly.Memory; // of modules without threads
  _initialize?: () => void;
  __stack_pointer?: WebAssembly.Global;
  __tls_size?: WebAssembly.Global;
  __tls_align?: WebAssembly.Global;
  __wasm_init_tls?: (at: number) => void;
  thimble_alloc(size: number): number;
  thimble_free(at: number): void;
  thimble_start(config: number, length: number): number;
  thimble_submit(head: number, headLength: number, body: number, bodyLength: number): number;
  thimble_cancel(id: number): void;
  thimble_pump(): number;
  thimble_help(): number;
  thimble_due(): number;
  thimble_join(worker: number): void;
  thimble_self_check(): number;
  thimble_text_length(): number;
}
