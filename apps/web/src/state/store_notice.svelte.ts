// SPDX-License-Identifier: Apache-2.0
// What a person has to know of the store in their browser.
import type { StoreState } from '../lib/store/indexed_store';

class StoreNotice {
  state = $state<StoreState>('open');
  private read: () => void = () => undefined;

  readonly take = (state: StoreState, read: () => void): void => {
    this.state = state;
    this.read = read;
  };

  dismiss(): void {
    this.read();
    this.state = 'open';
  }
}

export const storeNotice = new StoreNotice();
