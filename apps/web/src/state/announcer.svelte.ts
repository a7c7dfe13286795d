// SPDX-License-Identifier: Apache-2.0
// What a screen reader hears of an answer: whole sentences as they are complete, not tokens.
const kEnd = /[.!?؟…:]["'”’)\]]*(?:\s|$)|[。！？]["'”’」』)\]]*|\n/g;

// The part of `text` behind `from` that is complete, and where it ends.
export function completeSentences(text: string, from: number): { said: string; end: number } {
  kEnd.lastIndex = from;
  let end = from;
  // The last mark is left out where nothing follows: "3." may become "3.5".
  for (let found = kEnd.exec(text); found; found = kEnd.exec(text)) {
    const after = found.index + found[0].length;
    if (after < text.length || /[。！？\n]/.test(found[0])) end = after;
  }
  return { said: text.slice(from, end).replace(/[*_`#|]/g, '').trim(), end };
}

class Announcer {
  text = $state('');
  private said = 0;

  // `from`: what stands before it has been said.
  begin(from: number): void {
    this.said = from;
    this.text = '';
  }

  grow(text: string, isWhole: boolean): void {
    const { said, end } = isWhole ? { said: text.slice(this.said).replace(/[*_`#|]/g, '').trim(), end: text.length } : completeSentences(text, this.said);
    this.said = end;
    if (said !== '') this.text = said;
  }

  tell(text: string): void {
    this.text = text;
  }
}

export const announcer = new Announcer();
