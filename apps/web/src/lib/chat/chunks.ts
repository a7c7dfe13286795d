// SPDX-License-Identifier: Apache-2.0
// What the parts of a stream do to an answer.
import { ApiError } from '../transport/transport';
import type { Message, Timings, Usage } from '../store/types';

export interface PromptProgress {
  total: number;
  cache: number;
  processed: number;
  time_ms: number;
}

export interface Chunk {
  model?: string;
  choices?: { delta?: { content?: string | null; reasoning_content?: string | null; reasoning?: string | null }; finish_reason?: string | null }[];
  timings?: Timings;
  usage?: Usage;
  prompt_progress?: PromptProgress;
  dropped_messages?: number;
  error?: { message?: string; code?: unknown; type?: string };
}

export type Answer = Pick<Message, 'text' | 'reasoning' | 'model' | 'facts'>;

// Puts one part into the answer; throws ApiError for a part that tells of a fault.
export function applyChunk(answer: Answer, chunk: Chunk): void {
  if (chunk.error) {
    throw new ApiError(500, String(chunk.error.code ?? chunk.error.type ?? ''), chunk.error.message ?? '');
  }
  if (chunk.model) answer.model = chunk.model;
  if (chunk.timings) answer.facts.timings = chunk.timings;
  if (chunk.usage) answer.facts.usage = chunk.usage;
  if (chunk.dropped_messages) answer.facts.dropped = chunk.dropped_messages;
  const choice = chunk.choices?.[0];
  if (!choice) return;
  const reasoning = choice.delta?.reasoning_content ?? choice.delta?.reasoning;
  if (reasoning) answer.reasoning += reasoning;
  if (choice.delta?.content) answer.text += choice.delta.content;
  if (choice.finish_reason) answer.facts.finish = choice.finish_reason;
}

export function hasWords(chunk: Chunk): boolean {
  const delta = chunk.choices?.[0]?.delta;
  return Boolean(delta?.content || delta?.reasoning_content || delta?.reasoning);
}
