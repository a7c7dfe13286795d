// SPDX-License-Identifier: Apache-2.0
// marked's lexer, with formulas ($...$, $$...$$, \(...\), \[...\]). Its renderer is not used: no HTML is ever built.
import { Lexer, Marked, type Token, type TokenizerExtension, type TokensList } from 'marked';

// Time grows with the square of what these bound, and levels take the stack: what is beyond stays as it is written.
const kLongestInline = 20_000; // characters of one paragraph, cell or heading
const kDeepest = 24; // levels of quotes and lists, and of emphasis and links in each other

const kBlock = String.raw`(?:\$\$([^$]{1,4000}?)\$\$|\\\[([\s\S]{1,4000}?)\\\])[ \t]*(?:\n|$)`;
const kBlockHere = new RegExp(`^ {0,3}${kBlock}`);
const kBlockLater = new RegExp(`\\n {0,3}${kBlock}`);

const blockMath: TokenizerExtension = {
  name: 'math',
  level: 'block',
  // Whole ones only: each place that is named here cuts a paragraph, and what is behind it is looked at anew.
  start(source) {
    const at = source.search(kBlockLater);
    return at >= 0 ? at + 1 : undefined;
  },
  tokenizer(source) {
    const found = kBlockHere.exec(source);
    if (!found) return undefined;
    return { type: 'math', raw: found[0], tex: (found[1] ?? found[2] ?? '').trim(), display: true };
  },
};

// A dollar sign opens only before a character that is no blank, and closes only behind one and before no digit, so that
// prices stay prices.
const inlineMath: TokenizerExtension = {
  name: 'inlineMath',
  level: 'inline',
  start(source) {
    const at = source.search(/\$|\\[([]/); // one search: what is nowhere is looked for to the end
    return at >= 0 ? at : undefined;
  },
  tokenizer(source) {
    const found =
      /^\$\$([^$]{1,4000}?)\$\$/.exec(source) ??
      /^\$((?:[^\s$\\]|\\.)(?:(?:[^$\\\n]|\\.)*?(?:[^\s$\\]|\\.))?)\$(?!\d)/.exec(source) ??
      /^\\\(([\s\S]{1,4000}?)\\\)/.exec(source) ??
      /^\\\[([\s\S]{1,4000}?)\\\]/.exec(source);
    if (!found) return undefined;
    const display = found[0].startsWith('$$') || found[0].startsWith('\\[');
    return { type: 'math', raw: found[0], tex: found[1]!.trim(), display };
  },
};

const marked = new Marked({ gfm: true, breaks: false, extensions: [blockMath, inlineMath] });

export type { Token };

export interface MathToken {
  type: 'math';
  raw: string;
  tex: string;
  display: boolean;
}

class BoundedLexer extends Lexer {
  private blockDepth = 0;
  private inlineDepth = 0;

  override blockTokens(source: string, tokens?: Token[], isLastClipped?: boolean): Token[];
  override blockTokens(source: string, tokens?: TokensList, isLastClipped?: boolean): TokensList;
  override blockTokens(source: string, tokens: Token[] = [], isLastClipped = false): Token[] {
    if (this.blockDepth >= kDeepest) return asWritten(source, tokens);
    this.blockDepth++;
    const made = super.blockTokens(source, tokens, isLastClipped);
    this.blockDepth--;
    return made;
  }

  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    if (source.length > kLongestInline || this.inlineDepth >= kDeepest) return asWritten(source, tokens);
    this.inlineDepth++;
    const made = super.inlineTokens(source, tokens);
    this.inlineDepth--;
    return made;
  }
}

function asWritten(source: string, tokens: Token[]): Token[] {
  if (source !== '') tokens.push({ type: 'text', raw: source, text: source });
  return tokens;
}

export function lex(source: string): TokensList {
  return new BoundedLexer(marked.defaults).lex(source);
}
