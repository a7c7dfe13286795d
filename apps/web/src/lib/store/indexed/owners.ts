// SPDX-License-Identifier: Apache-2.0
// Which tab writes an answer. A Web Lock for each: the browser takes it back when its tab ends, however that ends.

export interface Owners {
  // Makes this tab the one; gives what lets go again. null: somebody is already.
  hold(answer: string): Promise<(() => void) | null>;
}

export class LockOwners implements Owners {
  constructor(private readonly locks: LockManager) {}

  hold(answer: string): Promise<(() => void) | null> {
    return new Promise((resolve) => {
      const request = this.locks.request(`thimble:answer:${answer}`, { ifAvailable: true }, (lock) => {
        if (lock) return new Promise<void>((letGo) => resolve(letGo));
        resolve(null);
        return undefined;
      });
      // A page that is being closed is refused: then nobody else is kept away.
      request.catch(() => resolve(() => undefined));
    });
  }
}

// Where there are no locks: this tab knows its own, and takes others' for dead. Two tabs then see a running answer
// stopped in the one that does not write it, until it is whole.
export class OwnOwners implements Owners {
  private readonly held = new Set<string>();

  async hold(answer: string): Promise<(() => void) | null> {
    if (this.held.has(answer)) return null;
    this.held.add(answer);
    return () => this.held.delete(answer);
  }
}

export function ownersHere(): Owners {
  const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
  return locks ? new LockOwners(locks) : new OwnOwners();
}
