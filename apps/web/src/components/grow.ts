// SPDX-License-Identifier: Apache-2.0
// A field that is as high as its text (to a third of the window), and has the focus when it appears in answer to a click.
export function grow(area: HTMLTextAreaElement, text: string) {
  const fit = () => {
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, Math.max(96, window.innerHeight / 3))}px`;
  };
  fit();
  if (text !== '') area.focus();
  return { update: fit };
}
