// SPDX-License-Identifier: Apache-2.0
// marked's lexer, with formulas ($...$, $$...$$, \(...\), \[...\]). Its renderer is not used: no HTML is ever built.
import { Marked, type Token, type TokenizerExtension, type TokensList } from 'marked';

function firstOf(source: string, marks: string[]): number | undefined {
  const found = marks.map((mark) => source.indexOf(mark)).filter((at) => at >= 0);
  return found.length > 0 ? Math.min(...found) : undefined;
}

const blockMath: TokenizerExtension = {
  name: 'math',
  level: 'block',
  start: (source) => firstOf(source, ['$$', '\\[']),
  tokenizer(source) {
    const found = /^ {0,3}(?:\$\$([^$]+?)\$\$|\\\[([\s\S]+?)\\\])[ \t]*(?:\n|$)/.exec(source);
    if (!found) return undefined;
    return { type: 'math', raw: found[0], tex: (found[1] ?? found[2] ?? '').trim(), display: true };
  },
};

// A dollar sign opens only before a character that is no blank, and closes only behind one and before no digit, so that
// prices stay prices.
const inlineMath: TokenizerExtension = {
  name: 'inlineMath',
  level: 'inline',
  start: (source) => firstOf(source, ['$', '\\(', '\\[']),
  tokenizer(source) {
    const found =
      /^\$\$([^$]+?)\$\$/.exec(source) ??
      /^\$((?:[^\s$\\]|\\.)(?:(?:[^$\\\n]|\\.)*?(?:[^\s$\\]|\\.))?)\$(?!\d)/.exec(source) ??
      /^\\\(([\s\S]+?)\\\)/.exec(source) ??
      /^\\\[([\s\S]+?)\\\]/.exec(source);
    if (!found) return undefined;
    const display = found[0].startsWith('$$') || found[0].startsWith('\\[');
    return { type: 'math', raw: found[0], tex: found[1]!.trim(), display };
  },
};

const marked = new Marked({ gfm: true, breaks: false, extensions: [blockMath, inlineMath] });
marked.use({ extensions: [blockMath, inlineMath] });

export type { Token };

export interface MathToken {
  type: 'math';
  raw: string;
  tex: string;
  display: boolean;
}

export function lex(source: string): TokensList {
  return marked.lexer(source);
}
