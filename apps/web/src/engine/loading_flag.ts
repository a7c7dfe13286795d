// SPDX-License-Identifier: Apache-2.0
// Whether a model was being loaded when the tab, or the engine, ended: a model that is too large for a phone ends it each
// time, so after that none is loaded unasked.

type Places = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const kLoading = 'thimble:loading'; // the model that is being loaded
const kLast = 'thimble:model'; // that was open last

export class LoadingFlag {
  // The model whose loading ended the tab before this one, or the engine of this one; empty: none did.
  crashed: string;

  constructor(private readonly places: Places) {
    this.crashed = this.get(kLoading);
  }

  // What may be opened at the start, unasked.
  get toOpen(): string {
    return this.crashed === '' ? this.get(kLast) : '';
  }

  begin(model: string): void {
    this.crashed = ''; // somebody asked for one
    this.set(kLoading, model);
  }

  // The engine ended meanwhile: the model is not loaded unasked any more, by the engine's next start or the page's.
  died(): void {
    this.crashed = this.get(kLoading);
    this.set(kLoading, '');
    if (this.get(kLast) === this.crashed) this.set(kLast, '');
  }

  end(isOpen: boolean): void {
    const model = this.get(kLoading);
    this.set(kLoading, '');
    if (isOpen && model !== '') this.set(kLast, model);
  }

  // Nothing is opened at the next start.
  forget(): void {
    this.set(kLast, '');
  }

  private get(name: string): string {
    try {
      return this.places.getItem(name) ?? '';
    } catch {
      return '';
    }
  }

  private set(name: string, value: string): void {
    try {
      if (value === '') this.places.removeItem(name);
      else this.places.setItem(name, value);
    } catch {
      // Storage may be forbidden; then nothing is remembered.
    }
  }
}
