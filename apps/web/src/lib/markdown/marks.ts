// SPDX-License-Identifier: Apache-2.0
// Browsers take minutes to draw one letter with many thousands of marks; none in any script has so many.
const kTooMany = /(\p{M}{32})\p{M}+/gu;

export function fewerMarks(text: string): string {
  return text.replace(kTooMany, '$1');
}
