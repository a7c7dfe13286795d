// SPDX-License-Identifier: Apache-2.0
// What a text costs.
import { ask } from '../lib/transport/transport';
import { transport } from './session';

// Before the service has counted: about four letters a token, one for a sign of Chinese or Japanese.
export function estimate(text: string): number {
  const wide = text.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g)?.length ?? 0;
  return Math.ceil(wide + (text.length - wide) / 4) + 4;
}

export async function countTokens(text: string): Promise<number | null> {
  try {
    const told = await ask<{ messages: number[] }>(transport, 'POST', '/thimble/v1/count', { messages: [{ role: 'user', content: text }] });
    return told.messages[0] ?? null;
  } catch {
    return null;
  }
}
