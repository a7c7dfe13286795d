// SPDX-License-Identifier: Apache-2.0
// Loaded with the first formula. Temml makes MathML elements and sets their styles through the style object, which a
// content policy without inline styles allows.
import temml from 'temml';
import 'temml/dist/Temml-Local.css';

export function renderFormula(holder: HTMLElement, tex: string, displayMode: boolean): void {
  const made = document.createElement('span');
  try {
    // No \href, \class, \data: a model's formula is as little trusted as its words.
    temml.render(tex, made, { displayMode, trust: false, throwOnError: true, maxExpand: 200, maxSize: [20, 20] });
  } catch {
    return; // what it does not understand stays as it is written
  }
  holder.replaceChildren(...made.childNodes);
}
