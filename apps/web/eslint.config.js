// SPDX-License-Identifier: Apache-2.0
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['dist', 'dist-browser', 'dist-android', 'node_modules', 'test-results', 'src/lib/api_types.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  { files: ['**/*.svelte', '**/*.svelte.ts'], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    rules: {
      'no-undef': 'off',
      // Model output becomes DOM through src/lib/markdown alone, and nothing becomes HTML.
      'no-restricted-properties': ['error', { property: 'innerHTML' }, { property: 'outerHTML' }, { property: 'insertAdjacentHTML' }],
      'svelte/no-at-html-tags': 'error',
      'svelte/require-each-key': 'error',
      // Sets and maps of one function, and the one element that the Markdown builder owns.
      'svelte/prefer-svelte-reactivity': 'off',
      'svelte/no-dom-manipulating': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
    },
  },
  // Tests compare what was made.
  { files: ['tests/**'], rules: { 'no-restricted-properties': 'off' } },
);
