// SPDX-License-Identifier: Apache-2.0
// The journal of an answer that is on its way, where the page keeps it and not the service.
import type { Message } from './types';

export type Grown = Pick<Message, 'text' | 'reasoning' | 'model' | 'facts'>;
export type Finished = Grown & Pick<Message, 'state'>;

export interface AnswerJournal {
  // The answer as it is by now, whole. Cheap: it is written a moment later. Never throws.
  write(answer: Grown): void;
  // What was given is on its way to the disk before this returns.
  flush(): void;
  // The answer is over: its message gets it in one step, and the journal goes. Where that fails (507), what was written
  // stays, and the next start finds it.
  finish(answer: Finished): Promise<void>;
}
