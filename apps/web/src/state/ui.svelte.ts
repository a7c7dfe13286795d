// SPDX-License-Identifier: Apache-2.0
// What is open on the page: the drawer, a sheet, a note at its edge.
export type Sheet = '' | 'sees' | 'instructions' | 'shortcuts';

class Ui {
  isDrawerOpen = $state(false);
  sheet = $state<Sheet>('');
  note = $state('');
  now = $state(Date.now());
  private timer = 0;

  start(): void {
    window.setInterval(() => (this.now = Date.now()), 30_000);
  }

  tell(note: string): void {
    this.note = note;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => (this.note = ''), 5000);
  }
}

export const ui = new Ui();
