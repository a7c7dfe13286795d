// SPDX-License-Identifier: Apache-2.0
// Loaded when the first block of code is complete. highlight.js's tree becomes spans here; its HTML is not used.
import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import css from 'highlight.js/lib/languages/css';
import diff from 'highlight.js/lib/languages/diff';
import go from 'highlight.js/lib/languages/go';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';

const kLanguages = { bash, c, cpp, css, diff, go, java, javascript, json, python, rust, sql, typescript, xml, yaml };
for (const [name, language] of Object.entries(kLanguages)) hljs.registerLanguage(name, language);

interface TreeNode {
  scope?: string;
  children: (TreeNode | string)[];
}

function append(parent: Node, node: TreeNode | string): void {
  if (typeof node === 'string') {
    parent.appendChild(document.createTextNode(node));
    return;
  }
  let holder = parent;
  if (node.scope && !node.scope.startsWith('language:')) {
    const span = document.createElement('span');
    span.className = node.scope.split('.').map((part, i) => (i === 0 ? `hl-${part}` : part + '_'.repeat(i))).join(' ');
    holder = parent.appendChild(span);
  }
  for (const child of node.children) append(holder, child);
}

export function highlighted(text: string, language: string): DocumentFragment | null {
  if (!hljs.getLanguage(language)) return null;
  const result = hljs.highlight(text, { language, ignoreIllegals: true }) as unknown as { _emitter: { rootNode: TreeNode } };
  const fragment = document.createDocumentFragment();
  append(fragment, result._emitter.rootNode);
  return fragment;
}
