// SPDX-License-Identifier: Apache-2.0
// Vercel's AI SDK against the server: it checks every chunk by a schema of its own.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, jsonSchema, stepCountIs, streamObject, streamText, tool } from 'ai';
import { z } from 'zod';

const provider = createOpenAICompatible({
  name: 'thimble',
  baseURL: process.env.TEST_API_BASE_URL,
  apiKey: process.env.TEST_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider('thimble');
const quick = { model, maxRetries: 0 };
// 8 x 8 pixels, grey.
const picture =
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAD0lEQVR42mNowAEYhpYEAILzYAEllbNjAAAAAElFTkSuQmCC';
const weather = (execute) =>
  tool({
    description: 'The weather at a place',
    inputSchema: z.object({ city: z.string(), days: z.number().int().optional() }),
    execute,
  });
const joke = z.object({ setup: z.string(), punchline: z.string() });

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  const error = parts.find((part) => part.type === 'error');
  if (error) throw error.error;
  return parts;
}

test('generateText: text, why it ended, usage', async () => {
  const answer = await generateText({ ...quick, prompt: 'Hello' });
  assert.equal(answer.text, 'Hello! How are you today?');
  assert.equal(answer.finishReason, 'stop');
  assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
});

test('streamText: the same in pieces, with usage', async () => {
  const answer = streamText({ ...quick, prompt: 'Hello' });
  const parts = await collect(answer.fullStream);
  const texts = parts.filter((part) => part.type === 'text-delta').map((part) => part.text);
  assert.ok(texts.length > 1);
  assert.equal(texts.join(''), 'Hello! How are you today?');
  assert.ok((await answer.usage).outputTokens > 0);
  assert.equal(await answer.finishReason, 'stop');
});

test('reasoning comes apart from the answer', async () => {
  const answer = await generateText({ ...quick, prompt: 'think first', reasoning: 'medium' });
  assert.match(answer.reasoningText, /Let me think\./);
  assert.equal(answer.text, 'Four.');
});

test('reasoning in a stream', async () => {
  const parts = await collect(streamText({ ...quick, prompt: 'think first', reasoning: 'medium' }).fullStream);
  const kinds = parts.map((part) => part.type);
  assert.ok(kinds.indexOf('reasoning-delta') < kinds.indexOf('text-delta'));
  assert.ok(kinds.includes('reasoning-end'));
});

test('a tool call with typed arguments', async () => {
  const answer = await generateText({ ...quick, prompt: 'weather in Bern', tools: { weather: weather() } });
  assert.equal(answer.finishReason, 'tool-calls');
  assert.equal(answer.toolCalls.length, 1);
  assert.equal(answer.toolCalls[0].toolName, 'weather');
  assert.deepEqual(answer.toolCalls[0].input, { city: 'Bern', days: 3 });
});

test('a tool call in a stream', async () => {
  const answer = streamText({ ...quick, prompt: 'weather in Bern', tools: { weather: weather() } });
  const parts = await collect(answer.fullStream);
  const call = parts.find((part) => part.type === 'tool-call');
  assert.deepEqual(call.input, { city: 'Bern', days: 3 });
  assert.equal(await answer.finishReason, 'tool-calls');
});

test('two calls at once', async () => {
  const answer = await generateText({ ...quick, prompt: 'compare Bern and Rome', tools: { weather: weather() } });
  assert.deepEqual(answer.toolCalls.map((call) => call.input.city), ['Bern', 'Rome']);
  assert.notEqual(answer.toolCalls[0].toolCallId, answer.toolCalls[1].toolCallId);
});

test('a loop: call, result, answer', async () => {
  const asked = [];
  const answer = await generateText({
    ...quick,
    prompt: 'weather in Bern',
    tools: { weather: weather(async (input) => (asked.push(input), { degrees: 20 })) },
    stopWhen: stepCountIs(3),
  });
  assert.deepEqual(asked, [{ city: 'Bern', days: 3 }]);
  assert.equal(answer.text, 'It will be 20 degrees.');
  assert.equal(answer.steps.length, 2);
});

test('a call that must come is one, whatever the model likes', async () => {
  const inputSchema = z.object({ unit: z.enum(['C', 'F']) });
  for (const toolChoice of ['required', { type: 'tool', toolName: 'choose' }]) {
    const answer = await generateText({
      ...quick,
      prompt: 'anything you like',
      tools: { choose: tool({ description: 'Chooses', inputSchema }) },
      toolChoice,
    });
    assert.equal(answer.toolCalls[0].toolName, 'choose');
    assert.ok(inputSchema.safeParse(answer.toolCalls[0].input).success);
  }
});

test('generateObject: what a schema says, whatever the model likes', async () => {
  const schema = z.object({ size: z.enum(['small', 'large']), likes: z.boolean() });
  const answer = await generateObject({ ...quick, prompt: 'anything you like', schema });
  assert.ok(schema.safeParse(answer.object).success);
});

test('streamObject ends with a whole object', async () => {
  const answer = streamObject({ ...quick, prompt: 'a joke', schema: joke });
  let last;
  for await (const part of answer.partialObjectStream) last = part;
  assert.deepEqual(last, { setup: 'Why do cats nap?', punchline: 'Because they paws.' });
});

test('a picture as a part of a message', async () => {
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'file', mediaType: 'image/png', data: picture },
  ];
  const answer = await generateText({ ...quick, messages: [{ role: 'user', content }] });
  assert.ok(answer.usage.inputTokens > 10);
  assert.equal(answer.finishReason, 'stop');
});

test('stop sequences and length', async () => {
  const stopped = await generateText({ ...quick, prompt: 'Hello', stopSequences: ['are'] });
  assert.equal(stopped.text, 'Hello! How ');
  assert.equal(stopped.finishReason, 'stop');
  const cut = await generateText({ ...quick, prompt: 'Hello', maxOutputTokens: 2 });
  assert.equal(cut.finishReason, 'length');
});

test('what was read before is counted as cached', async () => {
  const prompt = 'A long beginning that both requests share, word by word. '.repeat(20);
  await generateText({ ...quick, prompt });
  const again = await generateText({ ...quick, prompt: `${prompt} And more.` });
  assert.ok(again.usage.inputTokenDetails.cacheReadTokens > 0, JSON.stringify(again.usage));
});

test('errors have a status and words', async () => {
  const schema = jsonSchema({ type: 'object', properties: { a: { not: {} } }, additionalProperties: false });
  await assert.rejects(generateObject({ ...quick, prompt: 'Hello', schema }), (error) => {
    assert.equal(error.statusCode, 400);
    assert.match(error.message, /not/);
    return true;
  });
});

test('an answer that is not wanted any more', async () => {
  const controller = new AbortController();
  const answer = streamText({ ...quick, prompt: 'Hello', abortSignal: controller.signal, onError: () => {} });
  controller.abort();
  const parts = [];
  for await (const part of answer.fullStream) parts.push(part.type);
  assert.ok(parts.includes('abort'));
});
