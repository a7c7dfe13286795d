// SPDX-License-Identifier: Apache-2.0
import type { StartOptions } from '../../src/engine/protocol';

export const kOptions: Omit<StartOptions, 'skip' | 'life'> = {
  modules: { 'relaxed-threads': 'r', 'simd-threads': 't', simd: 's' },
  version: '0.0.0', context: 4096, kv: 'f16', threads: 0, mostMemory: 0, page: {},
};
