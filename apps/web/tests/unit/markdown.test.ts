// SPDX-License-Identifier: Apache-2.0
import { beforeEach, describe, expect, it } from 'vitest';
import { MarkdownBuilder } from '../../src/lib/markdown/builder';
import { safeAddress } from '../../src/lib/markdown/dom';
import { decodeEntities } from '../../src/lib/markdown/entities';
// What is loaded later is here already.
import '../../src/lib/markdown/highlight';
import { renderFormula } from '../../src/lib/markdown/temml';
import { kAttacks } from './attacks';

const words = { copy: 'Copy', copied: 'Copied', picture: 'A picture, not loaded' };
let root: HTMLElement;
beforeEach(() => {
  root = document.createElement('div');
  document.body.replaceChildren(root);
});

function whole(text: string): HTMLElement {
  root = document.createElement('div');
  document.body.replaceChildren(root);
  new MarkdownBuilder(root, words).update(text, true);
  return root;
}

// Letter by letter, as a stream that is cut anywhere.
function streamed(text: string, step = 1): { root: HTMLElement; builder: MarkdownBuilder } {
  const builder = new MarkdownBuilder(root, words);
  for (let i = step; i < text.length; i += step) builder.update(text.slice(0, i), false);
  builder.update(text, true);
  return { root, builder };
}

const kSample = `# Title

A paragraph with **bold**, *italic*, \`code\`, ~~old~~ and a [link](https://example.org/a "t").
Second line.

- one
- two
  - deeper
- [x] done

1. first
2. second

> quoted
> more

| a | b |
|:--|--:|
| 1 | 2 |

\`\`\`python
print("<b>")
\`\`\`

---

The area is $\\pi r^2$, and it costs $5 or $6.

$$
x = \\frac{1}{2}
$$

Last words &amp; an entity.
`;

describe('MarkdownBuilder', () => {
  it('makes elements of what it knows', () => {
    const made = whole(kSample);
    expect(made.querySelector('h3')?.textContent).toBe('Title');
    expect(made.querySelector('strong')?.textContent).toBe('bold');
    expect(made.querySelectorAll('ul > li')).toHaveLength(4);
    expect(made.querySelector('li li')?.textContent).toBe('deeper');
    expect(made.querySelector('li.task input')).toHaveProperty('checked', true);
    expect(made.querySelector('ol > li')?.textContent).toBe('first');
    expect(made.querySelector('td.align-right')?.textContent).toBe('2');
    expect(made.querySelector('pre code')?.textContent).toBe('print("<b>")');
    expect(made.querySelectorAll('.math')).toHaveLength(2);
    expect(made.textContent).toContain('it costs $5 or $6.');
    expect(made.textContent).toContain('Last words & an entity.');
  });

  it('streamed letter by letter ends as the whole does', () => {
    for (const step of [1, 2, 7, 40]) {
      const expected = whole(kSample).innerHTML;
      root = document.createElement('div');
      document.body.replaceChildren(root);
      expect(streamed(kSample, step).root.innerHTML, `steps of ${step}`).toBe(expected);
    }
  });

  it('never makes a finished block again', () => {
    const builder = new MarkdownBuilder(root, words);
    let text = '';
    let first: Element | null = null;
    for (let i = 0; i < 200; i++) {
      text += `Paragraph ${i} with some words in it.\n\n`;
      builder.update(text, false);
      first ??= root.firstElementChild;
    }
    builder.update(text, true);
    expect(root.firstElementChild).toBe(first);
    expect(root.children).toHaveLength(200);
    expect(builder.numBlocksMade).toBe(200);
  });

  it('keeps the items of a list that grows, and the code of a block', () => {
    const builder = new MarkdownBuilder(root, words);
    builder.update('- one\n- two\n- thr', false);
    const one = root.querySelector('li');
    builder.update('- one\n- two\n- three\n- fo', false);
    expect(root.querySelector('li')).toBe(one);
    expect([...root.querySelectorAll('li')].map((item) => item.textContent)).toEqual(['one', 'two', 'three', 'fo']);
    builder.update('```js\nlet a', false);
    const code = root.querySelector('code');
    builder.update('```js\nlet a = 1;\n', false);
    expect(root.querySelector('code')).toBe(code);
    expect(code?.textContent).toBe('let a = 1;');
  });

  it('makes another text anew', () => {
    const builder = new MarkdownBuilder(root, words);
    builder.update('First answer', true);
    builder.update('Another', true);
    expect(root.textContent).toBe('Another');
  });

  it('goes on in the last block of a text that was whole', () => {
    const root = document.createElement('div');
    const builder = new MarkdownBuilder(root, words);
    builder.update('First.\n\nOne, two,', true);
    builder.update('First.\n\nOne, two,', false);
    builder.update('First.\n\nOne, two, three.', false);
    expect([...root.children].map((block) => block.textContent)).toEqual(['First.', 'One, two, three.']);
  });

  it('takes nonsense and depth without harm', () => {
    expect(whole(`${'>'.repeat(2000)} deep`).textContent).toContain('deep');
    expect(whole('*a'.repeat(2000)).textContent.length).toBeGreaterThanOrEqual(2000);
    expect(whole('['.repeat(3000)).textContent).toBe('['.repeat(3000));
    expect(whole('\r\nWindows\r\nlines\r\n\r\n- a\r\n- b').querySelectorAll('li')).toHaveLength(2);
  });
});

// Everything that may stand in an answer's DOM, and nothing else.
const kElements = new Set('a blockquote br button code del div em h3 h4 h5 h6 hr input li ol p pre span strong table tbody td th thead tr ul'.split(' '));
const kAttributes = new Set('href target rel title referrerpolicy class type disabled checked dir tabindex start scope data-copied data-language data-coloured data-tex'.split(' '));

function check(made: HTMLElement): void {
  for (const element of made.querySelectorAll('*')) {
    expect(element.namespaceURI).toBe('http://www.w3.org/1999/xhtml');
    expect(kElements.has(element.localName), element.localName).toBe(true);
    for (const { name, value } of element.attributes) {
      expect(kAttributes.has(name), `${element.localName} ${name}`).toBe(true);
      if (name === 'href') expect(value).toMatch(/^(https?:\/\/|mailto:)/);
    }
  }
}

describe('attacks as model output', () => {
  it.each(kAttacks)('%s', (attack) => {
    check(whole(attack));
    check(streamed(attack).root);
    check(whole(`- ${attack}\n\n> ${attack}\n\n| ${attack.replace(/\n/g, ' ')} |\n|---|\n| x |`));
  });

  it('are all links shown with where they lead', () => {
    expect(whole('[a bank](https://evil.test/login)').querySelector('a')?.textContent).toBe('a bank (evil.test)');
    expect(whole('[https://bank.test](https://evil.test)').querySelector('a')?.textContent).toBe('https://bank.test (evil.test)');
    expect(whole('https://example.org/path').querySelector('a')?.textContent).toBe('https://example.org/path');
    expect(whole('[mail](mailto:a@b.test)').querySelector('a')?.textContent).toBe('mail (a@b.test)');
    expect(safeAddress('javascript:alert(1)')).toBeNull();
    expect(safeAddress('data:text/html,x')).toBeNull();
  });

  it('are no pictures from elsewhere', () => {
    expect(whole('![see](https://evil.test/?q=1)').textContent).toBe('[A picture, not loaded: see] https://evil.test/?q=1');
  });

  it('are formulas of MathML without addresses', () => {
    for (const tex of ['\\href{javascript:alert(1)}{x}', '\\url{https://evil.test}', '\\includegraphics{https://evil.test/x.png}', '\\class{x}{y}', '\\data{a=b}{y}', '\\frac{1}{2}', '\\text{<img src=x>}', '\\def\\a{\\a\\a}\\a']) {
      const holder = document.createElement('span');
      renderFormula(holder, tex, false);
      for (const element of holder.querySelectorAll('*')) {
        expect(element.namespaceURI, tex).toBe('http://www.w3.org/1998/Math/MathML');
        for (const { name } of element.attributes) expect(name, tex).not.toMatch(/^(on|href|src|xlink|data)/);
      }
    }
  });

  it('are no entities beyond text', () => {
    expect(decodeEntities('&lt;b&gt; &#x41;&#66; &#0; &#xd800; &nope; &amp;lt;')).toBe('<b> AB \ufffd \ufffd &nope; &lt;');
  });
});
