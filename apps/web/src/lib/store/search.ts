// SPDX-License-Identifier: Apache-2.0
// Searching as the service does it (src/host/chat_search.cc): all words stand in one text, wherever in it, in capitals or
// small; an excerpt shows the first, between U+E000 and U+E001.
import { invalid } from './rules';

const kMostLetters = 1000;
const kMostWords = 32;
const kExcerpt = 160; // characters
const kBefore = 60;
const kBlank = /[\u0000-\u0020\u007f\u3000]/; // eslint-disable-line no-control-regex

// The words that are searched for, in small letters; empty: everything is found.
export function readSearch(search: string): string[] {
  const clean = withoutMarks(search);
  if ([...clean].length > kMostLetters) throw invalid(`a search may have ${kMostLetters} characters`);
  const words = clean.split(kBlank).filter((word) => word !== '').map(lower);
  if (words.length > kMostWords) throw invalid(`a search may have ${kMostWords} words`);
  return words;
}

export function hasWords(text: string, words: readonly string[]): boolean {
  const small = lower(withoutMarks(text));
  return words.every((word) => small.includes(word));
}

export function excerptOf(text: string, words: readonly string[]): string {
  const clean = withoutMarks(text);
  const small = lower(clean);
  let at = -1;
  let size = 0;
  for (const word of words) {
    const found = small.indexOf(word);
    if (found < 0 || (at >= 0 && found >= at)) continue;
    at = found;
    size = word.length;
  }
  if (at < 0) at = 0;
  const begin = stepBack(clean, at, kBefore);
  const end = Math.max(stepOn(clean, begin, kExcerpt), at + size);
  const marked = size > 0 ? `\uE000${clean.slice(at, at + size)}\uE001` : '';
  const whole = `${begin > 0 ? '…' : ''}${clean.slice(begin, at)}${marked}${clean.slice(at + size, end)}${end < clean.length ? '…' : ''}`;
  return whole.replace(new RegExp(kBlank, 'g'), ' ');
}

// Marks of our own only.
const withoutMarks = (text: string) => text.replace(/[\uE000\uE001]/g, '');

// In small letters, each letter in its place: what stands at an index stands there in the text itself.
function lower(text: string): string {
  const small = text.toLowerCase();
  // "İ" becomes two letters, and "Σ" another one at a word's end.
  if (small.length === text.length && !text.includes('Σ')) return small;
  return text.replace(/[^a-z0-9\s]/gu, (letter) => {
    if (letter === 'İ') return 'i';
    const one = letter.toLowerCase();
    return one.length === letter.length ? one : letter;
  });
}

const isHalf = (text: string, at: number) => /[\udc00-\udfff]/.test(text.charAt(at));

// The index that many characters before or behind, never within one.
function stepBack(text: string, at: number, count: number): number {
  for (; count > 0 && at > 0; count--) at -= isHalf(text, at - 1) && at > 1 ? 2 : 1;
  return at;
}
function stepOn(text: string, at: number, count: number): number {
  for (; count > 0 && at < text.length; count--) at += isHalf(text, at + 1) ? 2 : 1;
  return at;
}
