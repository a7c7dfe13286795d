// SPDX-License-Identifier: Apache-2.0
// Which of the engine's modules this browser can run, with how many threads and how much memory.

export type Variant = 'relaxed-threads' | 'simd-threads' | 'simd';

export const kVariants: readonly Variant[] = ['relaxed-threads', 'simd-threads', 'simd'];
export const kPage = 65536; // bytes of a page of WebAssembly memory
const kMostThreads = 4;
const kMiB = 1024 * 1024;

// A module with one function, of SIMD128 instructions that leave nothing on the stack but one vector.
function moduleOf(...body: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b,
  ]);
}

const kZero = [0x41, 0, 0xfd, 15]; // i32.const 0, i8x16.splat
export const kSimdProbe = moduleOf(...kZero);
// i32x4.relaxed_dot_i8x16_i7x16_add_s: the instruction that the relaxed module is about.
export const kRelaxedProbe = moduleOf(...kZero, ...kZero, ...kZero, 0xfd, 0x93, 2);

export interface BrowserFacts {
  isIsolated: boolean;
  hasSharedMemory: boolean;
  hasSimd: boolean;
  hasRelaxed: boolean;
  cores: number;
  isSmall: boolean; // a phone or a tablet
}

export function lookAtBrowser(): BrowserFacts {
  const { hardwareConcurrency, userAgent, maxTouchPoints } = navigator;
  const validates = (probe: Uint8Array<ArrayBuffer>) => typeof WebAssembly === 'object' && WebAssembly.validate(probe);
  return {
    isIsolated: globalThis.crossOriginIsolated === true,
    hasSharedMemory: typeof SharedArrayBuffer === 'function',
    hasSimd: validates(kSimdProbe),
    hasRelaxed: validates(kRelaxedProbe),
    cores: hardwareConcurrency || 1,
    // An iPad calls itself a Mac. Workers are not told of touch: the page says how much memory (mostMemory).
    isSmall: /Android|iPhone|iPad|Mobile/.test(userAgent) || (/Macintosh/.test(userAgent) && (maxTouchPoints ?? 0) > 1),
  };
}

// The modules that may run here, the fastest first. The engine's own check of its kernels has the last word.
export function variantsFor({ isIsolated, hasSharedMemory, hasSimd, hasRelaxed }: BrowserFacts, skip: readonly Variant[] = []): Variant[] {
  if (!hasSimd) return [];
  const hasThreads = isIsolated && hasSharedMemory;
  return kVariants.filter((variant) => {
    if (skip.includes(variant)) return false;
    if (variant === 'simd') return true;
    return hasThreads && (variant === 'simd-threads' || hasRelaxed);
  });
}

export function hasThreads(variant: Variant): boolean {
  return variant !== 'simd';
}

// To begin with; more than four help little and take a phone's battery.
export function threadsFor(variant: Variant, cores: number, wanted: number): number {
  if (!hasThreads(variant)) return 1;
  return Math.max(1, Math.min(wanted || Math.min(kMostThreads, cores), 16));
}

// The sizes, in pages, that a shared memory may be declared with, the wanted one first. Browsers may set them aside at
// once, so a phone begins near what a model of 0.8B with its vision tower takes, and a refusal ends in less.
export function memoryMaxima(mostBytes: number, isSmall: boolean): number[] {
  const wanted = mostBytes > 0 ? mostBytes : (isSmall ? 1280 : 4096) * kMiB;
  const sizes = [wanted, ...[2048, 1280, 1024, 768, 512, 256].map((size) => size * kMiB).filter((size) => size < wanted)];
  return sizes.map((size) => Math.min(65535, Math.ceil(size / kPage)));
}
