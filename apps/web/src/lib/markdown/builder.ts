// SPDX-License-Identifier: Apache-2.0
// MarkdownBuilder: an answer that grows. Blocks that are complete are made once and never touched again; only the last
// ones are lexed and made anew, and of a list that grows only its last item.
import type { Token, Tokens } from 'marked';
import { colour } from './code';
import { blockElement, itemElement, listShell, type Words } from './dom';
import { lex } from './lexer';
import { fewerMarks } from './marks';
import { renderMath } from './math';

interface Block {
  raw: string;
  token: Token;
  nodes: Node[];
  isFinished: boolean;
}

// The last two blocks can still change their meaning: a line becomes a heading's or a table's, a list goes on.
const kOpenBlocks = 2;

export class MarkdownBuilder {
  private source = '';
  private done = 0; // length of the source in finished blocks
  private open: Block[] = [];
  private wasWhole = false;
  numBlocksMade = 0; // for tests

  constructor(
    private readonly root: HTMLElement,
    private readonly words: Words,
  ) {}

  // The whole text so far. A text that does not go on from the one before is made anew, and so is one that was whole and
  // goes on after all: its last block may grow.
  update(text: string, isWhole: boolean): void {
    const source = fewerMarks(text.replace(/\r\n?/g, '\n')); // line ends as the lexer has them, whose lengths are counted
    if (!source.startsWith(this.source) || (this.wasWhole && source !== this.source)) this.reset();
    this.source = source;
    this.wasWhole ||= isWhole;
    const tokens = lex(source.slice(this.done)).filter((token) => token.type !== 'space' || token.raw !== '');
    this.place(tokens);
    this.finish(isWhole);
  }

  private reset(): void {
    this.root.replaceChildren();
    this.open = [];
    this.done = 0;
    this.source = '';
    this.wasWhole = false;
  }

  private place(tokens: Token[]): void {
    const next: Block[] = [];
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!;
      const before = this.open[i];
      next.push(before && canStay(before, token) ? this.keep(before, token) : this.make(token, i));
    }
    for (const gone of this.open.slice(tokens.length)) for (const node of gone.nodes) node.parentNode?.removeChild(node);
    this.open = next;
  }

  // The block is the same, or a list or code that only grew.
  private keep(block: Block, token: Token): Block {
    if (block.raw !== token.raw) {
      if (token.type === 'list') this.growList(block.nodes[0] as HTMLElement, block.token as Tokens.List, token as Tokens.List);
      else growCode(block.nodes[0] as HTMLElement, (token as Tokens.Code).text);
    }
    return { ...block, raw: token.raw, token };
  }

  private growList(list: HTMLElement, before: Tokens.List, after: Tokens.List): void {
    after.items.forEach((item, i) => {
      const old = before.items[i];
      const element = list.children[i];
      if (old && element && old.raw.trimEnd() === item.raw.trimEnd() && old.loose === item.loose) return;
      const made = itemElement(item, this.words, 0);
      if (element) element.replaceWith(made);
      else list.appendChild(made);
    });
    while (list.children.length > after.items.length) list.lastElementChild?.remove();
  }

  private make(token: Token, index: number): Block {
    const before = this.open[index];
    const made = token.type === 'list' ? this.newList(token as Tokens.List) : blockElement(token, this.words);
    const nodes = made ? (made instanceof DocumentFragment ? [...made.childNodes] : [made]) : [];
    if (nodes.length > 0) this.numBlocksMade++;
    const anchor = this.open.slice(index).find((block) => block.nodes.length > 0)?.nodes[0] ?? null;
    for (const node of nodes) this.root.insertBefore(node, anchor);
    for (const node of before?.nodes ?? []) node.parentNode?.removeChild(node);
    if (before) before.nodes = [];
    return { raw: token.raw, token, nodes, isFinished: false };
  }

  private newList(token: Tokens.List): HTMLElement {
    const list = listShell(token);
    for (const item of token.items) list.appendChild(itemElement(item, this.words, 0));
    return list;
  }

  private finish(isWhole: boolean): void {
    let written = this.open.length;
    for (let count = 0; written > 0 && count < kOpenBlocks && !isWhole; written--) {
      if (this.open[written - 1]!.token.type !== 'space') count++;
    }
    for (const block of this.open.splice(0, isWhole ? this.open.length : written)) {
      this.done += block.raw.length;
      for (const node of block.nodes) complete(node);
    }
    // A block with a closed fence can be coloured before the next one comes.
    for (const block of this.open) {
      if (block.isFinished || !isClosed(block.token)) continue;
      block.isFinished = true;
      for (const node of block.nodes) complete(node);
    }
  }
}

function canStay(block: Block, token: Token): boolean {
  if (block.raw === token.raw && block.token.type === token.type) return true;
  if (block.isFinished || block.token.type !== token.type || block.nodes.length !== 1) return false;
  if (token.type === 'code') return (token as Tokens.Code).lang === (block.token as Tokens.Code).lang;
  const list = token as Tokens.List;
  const before = block.token as Tokens.List;
  return token.type === 'list' && list.ordered === before.ordered && list.start === before.start;
}

function growCode(block: HTMLElement, text: string): void {
  const code = block.querySelector('code');
  const before = code?.textContent ?? '';
  if (!code) return;
  if (text.startsWith(before) && code.lastChild instanceof Text) code.lastChild.appendData(text.slice(before.length));
  else code.textContent = text;
}

function isClosed(token: Token): boolean {
  return token.type === 'code' && /^ {0,3}(`{3,}|~{3,})[\s\S]*\n {0,3}\1[`~]*\s*$/.test(token.raw);
}

function complete(node: Node): void {
  if (!(node instanceof Element)) return;
  const blocks = node.matches('.code') ? [node] : [...node.querySelectorAll('.code')];
  for (const block of blocks) void colour(block);
  if (node.matches('.math')) renderMath(node.parentElement ?? node);
  else renderMath(node);
}

