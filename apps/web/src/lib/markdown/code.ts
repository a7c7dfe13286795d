// SPDX-License-Identifier: Apache-2.0
// Blocks of code: their language, a button that copies, and colours, which come when the highlighter is there.
import type { Words } from './dom';

const kLongest = 50_000; // characters that are coloured

export function codeBlock(text: string, info: string, words: Words): HTMLElement {
  const language = /^[A-Za-z0-9+#._-]{1,32}/.exec(info.trim())?.[0] ?? '';
  const block = document.createElement('div');
  block.className = 'code';
  const bar = document.createElement('div');
  bar.className = 'code-bar';
  const name = document.createElement('span');
  name.textContent = language;
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.className = 'code-copy';
  copy.textContent = words.copy;
  copy.dataset['copied'] = words.copied;
  bar.append(name, copy);
  const pre = document.createElement('pre');
  pre.tabIndex = 0;
  pre.dir = 'ltr';
  const code = document.createElement('code');
  code.textContent = text;
  if (language !== '') code.dataset['language'] = language;
  pre.appendChild(code);
  block.append(bar, pre);
  return block;
}

// Colours a block whose fence is closed. Until the highlighter has come, and where it knows no such language, it stays as
// it is.
export async function colour(block: Element): Promise<void> {
  const code = block.querySelector('code[data-language]') as HTMLElement | null;
  const text = code?.textContent ?? '';
  if (!code || text.length > kLongest || code.dataset['coloured']) return;
  code.dataset['coloured'] = 'yes';
  try {
    const { highlighted } = await import('./highlight');
    const nodes = highlighted(text, code.dataset['language'] ?? '');
    if (nodes) code.replaceChildren(nodes);
  } catch {
    // It has not come, or the code is nested too deep for it.
  }
}
