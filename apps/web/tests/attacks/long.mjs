// SPDX-License-Identifier: Apache-2.0
// The text of an entry of corpus.json's `long`.
export function longText({ head = '', before = '', times, around = '', after = '', tail = '', staircase = '' }) {
  if (staircase !== '') return Array.from({ length: times }, (_, i) => `${'  '.repeat(i)}${staircase}`).join('\n');
  return head + before.repeat(times) + around + after.repeat(times) + tail;
}
