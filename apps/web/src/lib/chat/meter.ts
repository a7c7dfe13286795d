// SPDX-License-Identifier: Apache-2.0
// The numbers under an answer, from what is kept with it.
import type { Facts, Message } from '../store/types';

export interface Meter {
  ttftMs: number | null; // to the first token
  tokens: number; // written
  tokensPerSecond: number | null;
  read: number; // tokens of the prompt that were read anew
  remembered: number; // tokens of the prompt that were known
  used: number; // of the context, after the answer
  cpuSeconds: number | null;
  finish: string;
}

export function meterOf({ facts, state }: Pick<Message, 'facts' | 'state'>): Meter {
  const { timings, usage } = facts as Facts;
  const tokens = usage?.completion_tokens ?? timings?.predicted_n ?? 0;
  const read = timings?.prompt_n ?? 0;
  const remembered = timings?.cache_n ?? 0;
  return {
    ttftMs: facts.ttft_ms ?? timings?.prompt_ms ?? null,
    tokens,
    tokensPerSecond: timings && timings.predicted_n > 1 && timings.predicted_ms > 0 ? (1000 * timings.predicted_n) / timings.predicted_ms : null,
    read,
    remembered,
    used: (usage?.prompt_tokens ?? read + remembered) + tokens,
    cpuSeconds: timings?.cpu_ms === undefined ? null : timings.cpu_ms / 1000,
    finish: state === 'stopped' ? 'stopped' : state === 'failed' ? 'failed' : (facts.finish ?? ''),
  };
}
