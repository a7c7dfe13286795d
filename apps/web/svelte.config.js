// SPDX-License-Identifier: Apache-2.0
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

// `fragments: 'tree'`: elements are made one by one. The default writes to innerHTML, which Trusted Types forbid.
export default { preprocess: vitePreprocess(), compilerOptions: { runes: true, fragments: 'tree' } };
