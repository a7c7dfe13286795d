// SPDX-License-Identifier: Apache-2.0
declare const __THIMBLE_VERSION__: string; // vite.config.ts
