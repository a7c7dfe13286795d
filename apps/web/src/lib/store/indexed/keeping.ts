// SPDX-License-Identifier: Apache-2.0
// Whether the browser goes on keeping what the page put into its database. It may throw all of it away where room gets
// scarce, unless it is asked not to; and a note elsewhere tells afterwards that there was something.

export const kNote = 'thimble:kept'; // in the local storage: "yes", or "lost" until somebody has read so
const kAskSeconds = 10;

export interface Keeper {
  note: Pick<Storage, 'getItem' | 'setItem'> | null;
  persist: (() => Promise<boolean>) | null;
}

export function keeperHere(): Keeper {
  const manager = (globalThis.navigator as Partial<Navigator> | undefined)?.storage;
  const persist = manager?.persist ? () => manager.persist() : null;
  try {
    return { note: window.localStorage, persist };
  } catch {
    return { note: null, persist };
  }
}

export class Keeping {
  constructor(private readonly keeper: Keeper) {}

  // Whether there had been chats, and nobody has read yet that they are gone. isNew: the database was made just now.
  hasLost(isNew: boolean): boolean {
    const note = this.keeper.note?.getItem(kNote);
    if (note === 'yes' && isNew) this.set('lost');
    return note === 'lost' || (note === 'yes' && isNew);
  }

  // Somebody has.
  forgetLoss(): void {
    this.set('yes');
  }

  // A chat is kept. The first time the browser is asked to go on keeping it; nobody waits for the answer, and Firefox's,
  // which is a question to the person, may never come. True, false, or null for none.
  async noteChat(): Promise<boolean | null> {
    const { note, persist } = this.keeper;
    if (!note || note.getItem(kNote) !== null) return null;
    this.set('yes');
    if (!persist) return null;
    const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), kAskSeconds * 1000));
    return Promise.race([persist().catch(() => false), late]);
  }

  private set(value: string): void {
    try {
      this.keeper.note?.setItem(kNote, value);
    } catch {
      // Then nobody will be told.
    }
  }
}
