// SPDX-License-Identifier: Apache-2.0
// The one place where a model's words become DOM: tokens in, elements out. Only the elements named here exist, text is
// always text, addresses are looked at, nothing is loaded.
import type { Token, Tokens } from 'marked';
import { codeBlock } from './code';
import { decodeEntities } from './entities';
import type { MathToken } from './lexer';
import { mathElement } from './math';

export interface Words {
  copy: string;
  copied: string;
  picture: string; // "A picture, not loaded"
}

const kDeepest = 40; // levels; what is deeper becomes text

export function blockElement(token: Token, words: Words, depth = 0): Node | null {
  if (depth > kDeepest) return document.createTextNode(token.raw);
  switch (token.type) {
    case 'space':
    case 'def':
      return null;
    case 'heading':
      return withInlines(document.createElement(`h${Math.min(6, (token as Tokens.Heading).depth + 2)}`), token, words, depth);
    case 'paragraph':
      return withInlines(document.createElement('p'), token, words, depth);
    case 'code':
      return codeBlock((token as Tokens.Code).text, (token as Tokens.Code).lang ?? '', words);
    case 'blockquote':
      return withBlocks(document.createElement('blockquote'), (token as Tokens.Blockquote).tokens, words, depth);
    case 'list':
      return listElement(token as Tokens.List, words, depth);
    case 'table':
      return tableElement(token as Tokens.Table, words, depth);
    case 'hr':
      return document.createElement('hr');
    case 'math':
      return mathElement((token as unknown as MathToken).tex, true);
    case 'html':
      return withText(document.createElement('p'), token.raw.trimEnd());
    case 'text':
      return 'tokens' in token && token.tokens
        ? withInlines(document.createDocumentFragment(), token, words, depth)
        : document.createTextNode(decodeEntities((token as Tokens.Text).text));
    default:
      return withText(document.createElement('p'), token.raw);
  }
}

function withText<T extends Node>(node: T, text: string): T {
  node.appendChild(document.createTextNode(text));
  return node;
}

function withBlocks<T extends Node>(node: T, tokens: Token[], words: Words, depth: number): T {
  for (const token of tokens) {
    const child = blockElement(token, words, depth + 1);
    if (child) node.appendChild(child);
  }
  return node;
}

export function listShell(token: Tokens.List): HTMLElement {
  const list = document.createElement(token.ordered ? 'ol' : 'ul');
  if (token.ordered && token.start !== '' && token.start !== 1) list.setAttribute('start', String(token.start));
  return list;
}

function listElement(token: Tokens.List, words: Words, depth: number): HTMLElement {
  const list = listShell(token);
  for (const item of token.items) list.appendChild(itemElement(item, words, depth));
  return list;
}

export function itemElement(item: Tokens.ListItem, words: Words, depth: number): HTMLElement {
  const element = document.createElement('li');
  if (item.task) {
    const box = document.createElement('input');
    box.type = 'checkbox';
    box.checked = item.checked === true;
    box.disabled = true;
    element.className = 'task';
    element.appendChild(box);
  }
  return withBlocks(element, item.tokens.filter((token) => (token.type as string) !== 'checkbox'), words, depth);
}

function tableElement(token: Tokens.Table, words: Words, depth: number): HTMLElement {
  const table = document.createElement('table');
  const row = (cells: Tokens.TableCell[], name: 'th' | 'td') => {
    const line = document.createElement('tr');
    for (const cell of cells) {
      // A heading without words is none.
      const tag = name === 'th' && cell.text.trim() !== '' ? 'th' : 'td';
      const element = withInlines(document.createElement(tag), cell, words, depth);
      if (tag === 'th') element.scope = 'col';
      if (cell.align) element.classList.add(`align-${cell.align}`);
      line.appendChild(element);
    }
    return line;
  };
  table.createTHead().appendChild(row(token.header, 'th'));
  const body = table.createTBody();
  for (const cells of token.rows) body.appendChild(row(cells, 'td'));
  const frame = document.createElement('div');
  frame.className = 'table';
  frame.tabIndex = 0;
  frame.appendChild(table);
  return frame;
}

function withInlines<T extends Node>(node: T, holder: { tokens?: Token[]; text?: string }, words: Words, depth: number): T {
  if (!holder.tokens) return withText(node, decodeEntities(holder.text ?? ''));
  for (const token of holder.tokens) node.appendChild(inlineElement(token, words, depth + 1));
  return node;
}

const kInline: Record<string, string> = { strong: 'strong', em: 'em', del: 'del' };

function inlineElement(token: Token, words: Words, depth: number): Node {
  if (depth > kDeepest) return document.createTextNode(token.raw);
  const name = kInline[token.type];
  if (name) return withInlines(document.createElement(name), token as Tokens.Strong, words, depth);
  switch (token.type) {
    case 'text':
      return 'tokens' in token && token.tokens
        ? withInlines(document.createDocumentFragment(), token, words, depth)
        : document.createTextNode(decodeEntities((token as Tokens.Text).text));
    case 'escape':
      return document.createTextNode((token as Tokens.Escape).text);
    case 'codespan':
      return withText(document.createElement('code'), (token as Tokens.Codespan).text);
    case 'br':
      return document.createElement('br');
    case 'link':
      return linkElement(token as Tokens.Link, words, depth);
    case 'image':
      return pictureElement(token as Tokens.Image, words);
    case 'math':
      return mathElement((token as unknown as MathToken).tex, (token as unknown as MathToken).display);
    case 'html':
      return /^<br\s*\/?>$/i.test(token.raw) ? document.createElement('br') : document.createTextNode(token.raw);
    default:
      return document.createTextNode(token.raw);
  }
}

// The address where it is one of the web or of mail; null else.
export function safeAddress(href: string): URL | null {
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

// A link shows where it leads: behind words that do not say so stands the host.
function linkElement(token: Tokens.Link, words: Words, depth: number): Node {
  const url = safeAddress(token.href);
  if (!url) return withInlines(document.createElement('span'), token, words, depth);
  const link = withInlines(document.createElement('a'), token, words, depth);
  link.href = url.href;
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow';
  link.title = url.href;
  link.referrerPolicy = 'no-referrer';
  const place = url.protocol === 'mailto:' ? url.pathname : url.host;
  if (!sameAddress(link.textContent, url)) {
    const host = document.createElement('span');
    host.className = 'host';
    withText(host, ` (${place})`);
    link.appendChild(host);
  }
  return link;
}

// Whether the words are the address itself. Words that only look like one (another host) do not count.
function sameAddress(text: string, url: URL): boolean {
  const bare = (value: string) => value.trim().replace(/^(https?:\/\/|mailto:)/i, '').replace(/\/$/, '').toLowerCase();
  return bare(text) === bare(url.href);
}

function pictureElement(token: Tokens.Image, words: Words): Node {
  const holder = document.createElement('span');
  holder.className = 'not-loaded';
  const label = token.text === '' ? words.picture : `${words.picture}: ${decodeEntities(token.text)}`;
  return withText(holder, `[${label}] ${token.href.slice(0, 200)}`);
}
