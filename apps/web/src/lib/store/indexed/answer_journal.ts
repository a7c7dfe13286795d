// SPDX-License-Identifier: Apache-2.0
// AnswerJournal over the database: pieces of a running answer, at most one every 25 ms.
import type { AnswerJournal, Finished, Grown } from '../journal';
import type { Database } from './database';
import type { MessageState } from '../types';
import { partsOf, plain } from './rows';
import type { PartRow } from './schema';

// Milliseconds. Short, for what is first written while the page is being left does not always arrive (WebKitGTK: half the time).
const kPause = 25;

export class IndexedJournal implements AnswerJournal {
  private latest: Grown | null = null;
  private written = { text: '', reasoning: '' };
  private next = 0;
  private isBroken = false; // a piece was not taken: the next one is the whole
  private isOver = false;
  private last = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly database: Database,
    private readonly message: string,
    // Puts the answer into its message and takes the pieces away.
    private readonly end: (answer: Finished) => Promise<void>,
  ) {}

  write({ text, reasoning, model, facts }: Grown): void {
    if (this.isOver) return;
    this.latest = { text, reasoning, model, facts };
    const wait = this.last + kPause - performance.now();
    // Timers of tabs that are not seen are slow; the answer's own parts are not.
    if (wait <= 0) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), wait);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { latest } = this;
    this.latest = null;
    if (latest) this.put(latest);
  }

  async finish(answer: Finished): Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.latest = null;
    // A page that is left now has no time for all that follows.
    this.put(answer, answer.state);
    await this.end(answer);
  }

  private put(latest: Grown, state?: MessageState): void {
    const { written } = this;
    const goesOn = !this.isBroken && latest.text.startsWith(written.text) && latest.reasoning.startsWith(written.reasoning);
    // After a lost connection all parts come again: what is written already is more.
    const isBehind = !this.isBroken && written.text.startsWith(latest.text) && written.reasoning.startsWith(latest.reasoning);
    if (isBehind && !state) return;
    this.last = performance.now();
    if (!goesOn) this.next = 0;
    const part: PartRow = {
      message: this.message,
      n: this.next++,
      text: goesOn ? latest.text.slice(written.text.length) : latest.text,
      reasoning: goesOn ? latest.reasoning.slice(written.reasoning.length) : latest.reasoning,
      model: latest.model,
      facts: plain(latest.facts),
      ...(state ? { state } : {}),
    };
    this.written = { text: latest.text, reasoning: latest.reasoning };
    this.isBroken = false;
    const sent = this.database.send(['journals'], (transaction) => {
      const journals = transaction.objectStore('journals');
      if (part.n === 0) journals.delete(partsOf(this.message));
      journals.put(part);
    });
    sent.catch(() => (this.isBroken = true));
  }
}
