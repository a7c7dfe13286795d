// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { branchTo, leafFrom, siblingsOf } from '../../src/lib/chat/tree';

let clock = 0;
const message = (id: string, parent: string, role: 'user' | 'assistant') => ({ id, parent, role, created: ++clock });
const ids = (list: { id: string }[]) => list.map(({ id }) => id).join('');

// a - b - c - d, with b2 beside b, c2 beside c and its answer e.
const tree = [
  message('a', '', 'user'), message('b', 'a', 'assistant'), message('c', 'b', 'user'), message('d', 'c', 'assistant'),
  message('B', 'a', 'assistant'), message('C', 'b', 'user'), message('e', 'C', 'assistant'),
];

describe('branches', () => {
  it('end at the head, or at the newest leaf', () => {
    expect(ids(branchTo(tree, 'd'))).toBe('abcd');
    expect(ids(branchTo(tree, 'B'))).toBe('aB');
    expect(ids(branchTo(tree, 'unknown'))).toBe('abCe');
    expect(branchTo([], 'x')).toEqual([]);
  });

  it('have siblings of their role, oldest first', () => {
    expect(ids(siblingsOf(tree, tree[1]!))).toBe('bB');
    expect(ids(siblingsOf(tree, tree[5]!))).toBe('cC');
    expect(ids(siblingsOf(tree, tree[0]!))).toBe('a');
  });

  it('are walked to their newest leaf', () => {
    expect(leafFrom(tree, 'b')).toBe('e');
    expect(leafFrom(tree, 'c')).toBe('d');
    expect(leafFrom(tree, 'B')).toBe('B');
  });

  it('that form a circle end', () => {
    const circle = [message('x', 'y', 'user'), message('y', 'x', 'assistant')];
    expect(branchTo(circle, 'x')).toHaveLength(2);
    expect(['x', 'y']).toContain(leafFrom(circle, 'x'));
  });
});
