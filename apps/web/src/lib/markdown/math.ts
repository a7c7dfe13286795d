// SPDX-License-Identifier: Apache-2.0
// Formulas: first as they are written, then as MathML when Temml has come.
const kLongest = 4000; // characters

export function mathElement(tex: string, display: boolean): HTMLElement {
  const holder = document.createElement('span');
  holder.className = display ? 'math display' : 'math';
  holder.dir = 'ltr';
  holder.textContent = tex;
  return holder;
}

let waiting: HTMLElement[] | null = null;

// Renders the formulas in `root` that are not yet.
export function renderMath(root: ParentNode): void {
  for (const holder of root.querySelectorAll<HTMLElement>('.math:not([data-tex])')) {
    const tex = holder.textContent;
    holder.dataset['tex'] = tex;
    if (tex.length > kLongest) continue;
    if (waiting) waiting.push(holder);
    else {
      waiting = [holder];
      import('./temml').then(({ renderFormula }) => {
        const ready = waiting ?? [];
        waiting = null;
        for (const one of ready) renderFormula(one, one.dataset['tex'] ?? '', one.classList.contains('display'));
      }, () => (waiting = null));
    }
  }
}
