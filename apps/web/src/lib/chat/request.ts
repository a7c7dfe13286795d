// SPDX-License-Identifier: Apache-2.0
// What is asked of the service for the next answer.
import type { Message } from '../store/types';

export interface AnswerWishes {
  thinking: boolean;
  length: 'short' | 'normal' | 'long';
  // Instructions for all chats and for this one, in this order.
  instructions: string[];
  // Expert values; null: the model's own.
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  seed: number | null;
  maxTokens: number | null;
}

const kShort = 'Answer briefly, in a few sentences.';
const kLong = 'Answer thoroughly.';
const kMostTokens = { short: 600, normal: 2048, long: 8192 };

type Part = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string; detail: string } };
interface RequestMessage {
  role: string;
  content: string | Part[];
  reasoning_content?: string;
}

export function messageForRequest(message: Pick<Message, 'role' | 'text' | 'pictures'>): RequestMessage {
  if (message.pictures.length === 0) return { role: message.role, content: message.text };
  const pictures = message.pictures.map(
    ({ sha256, detail }): Part => ({ type: 'image_url', image_url: { url: `thimble:${sha256}`, detail } }),
  );
  return { role: message.role, content: [...pictures, { type: 'text', text: message.text }] };
}

// `branch` ends with the user's message that is to be answered. Empty answers (stopped before their first word) are left
// out.
export function answerRequest(branch: readonly Message[], wishes: AnswerWishes): Record<string, unknown> {
  const system = [...wishes.instructions, { short: kShort, normal: '', long: kLong }[wishes.length]].filter((text) => text.trim() !== '');
  const messages: RequestMessage[] = system.length > 0 ? [{ role: 'system', content: system.join('\n\n') }] : [];
  for (const message of branch) {
    if (message.role === 'assistant' && message.text === '') continue;
    messages.push(messageForRequest(message));
  }
  const request: Record<string, unknown> = {
    messages,
    stream: true,
    stream_options: { include_usage: true },
    timings: true,
    return_progress: true,
    when_full: 'window',
    chat_template_kwargs: { enable_thinking: wishes.thinking },
    max_tokens: wishes.maxTokens ?? kMostTokens[wishes.length],
  };
  if (wishes.temperature !== null) request['temperature'] = wishes.temperature;
  if (wishes.topP !== null) request['top_p'] = wishes.topP;
  if (wishes.topK !== null) request['top_k'] = wishes.topK;
  if (wishes.seed !== null) request['seed'] = wishes.seed;
  return request;
}

// Whether an answer was cut off, so that it can be gone on with where it ended.
export function isCut({ state, text, reasoning, facts }: Pick<Message, 'state' | 'text' | 'reasoning' | 'facts'>): boolean {
  if (text.trim() === '' && reasoning.trim() === '') return false;
  return state === 'stopped' || state === 'failed' || (state === 'done' && (facts.finish === 'length' || facts.finish === 'context'));
}

// What there is of an answer, as it is gone on with: the model's next words bring the blanks before them.
export function cutEnd({ text, reasoning }: Pick<Message, 'text' | 'reasoning'>): Pick<Message, 'text' | 'reasoning'> {
  const kept = text.trimEnd();
  return kept === '' ? { text: '', reasoning: reasoning.trimEnd() } : { text: kept, reasoning };
}

// `branch` ends with the answer that is to be gone on with, as cutEnd left it. One that ended in its thoughts goes on
// in them: an open tag says so.
export function continueRequest(branch: readonly Message[], wishes: AnswerWishes): Record<string, unknown> {
  const { text, reasoning } = branch.at(-1)!;
  const request = answerRequest(branch.slice(0, -1), wishes);
  const last: RequestMessage =
    text === ''
      ? { role: 'assistant', content: `<think>\n${reasoning}` }
      : { role: 'assistant', content: text, ...(reasoning === '' ? {} : { reasoning_content: reasoning }) };
  return { ...request, messages: [...(request['messages'] as RequestMessage[]), last], continue_final_message: true };
}

// A chat's title from its first message: the first line, without marks of Markdown.
export function titleFrom(text: string): string {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '') ?? '';
  const plain = line.replace(/^[#>*\-\s]+/, '').replace(/[`*_]{1,3}/g, '').trim();
  const letters = [...plain];
  return letters.length > 60 ? `${letters.slice(0, 59).join('').trimEnd()}…` : plain;
}
