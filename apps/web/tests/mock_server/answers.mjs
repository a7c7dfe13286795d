// SPDX-License-Identifier: Apache-2.0
// Replies from a script, in the form of tests/reply_script.h, as streams that go on without their listeners.
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from './store.mjs';

const pieces = (text) => text.match(/\s*\S{1,7}|\s+/g) ?? [];

function textOf(message) {
  const { content } = message;
  return typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');
}

function sayFor(script, messages) {
  const user = textOf([...messages].reverse().find((message) => message.role === 'user') ?? { content: '' });
  const last = messages.at(-1)?.role;
  const rule = script.rules?.find((candidate) => user.includes(candidate.user ?? '') && (candidate.role ?? last) === last);
  return rule?.say ?? script.default ?? 'Hello.';
}

export const countTokens = (messages) => messages.map((message) => pieces(textOf(message)).length + 4);

export class Answers {
  byId = new Map();

  constructor(script, store) {
    this.script = script;
    this.store = store;
  }

  // Starts an answer to a request; it runs to its end by itself.
  start(request, id, model) {
    if (this.byId.get(id)?.isOver === false) throw new Fault(409, 'this answer runs');
    const answer = { id, events: [], isOver: false, isStopped: false, listeners: new Set(), model };
    if (id) this.byId.set(id, answer);
    void this.write(answer, request);
    return answer;
  }

  emit(answer, value) {
    answer.events.push(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`);
    for (const listener of answer.listeners) listener();
  }

  async write(answer, request) {
    const chunk = (delta, more = {}) => ({
      id: 'chatcmpl-mock', object: 'chat.completion.chunk', created: 1, model: answer.model,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: null }], ...more,
    });
    const kept = this.store.running(answer.id)?.message;
    const prompt = countTokens(request.messages).reduce((sum, count) => sum + count, 0);
    const most = request.max_tokens ?? 100000;
    let say = sayFor(this.script, request.messages);
    let thoughts = '';
    const think = /^<think>\n([\s\S]*?)\n<\/think>\n*/.exec(say);
    if (think) {
      say = say.slice(think[0].length);
      if (request.chat_template_kwargs?.enable_thinking) [, thoughts] = think;
    }
    const pace = this.script.tokens_per_second ? 1000 / this.script.tokens_per_second : 0;
    this.emit(answer, chunk({ role: 'assistant', content: null }));
    this.emit(answer, { ...chunk({}), choices: [], prompt_progress: { total: prompt, cache: 0, processed: prompt, time_ms: 12 } });
    const timings = { cache_n: 0, prompt_n: prompt, prompt_ms: 12, predicted_n: 0, predicted_ms: 0, predicted_per_second: 0 };
    const began = performance.now();
    let finish = 'stop';
    const all = [...pieces(thoughts).map((piece) => ['reasoning_content', piece]), ...pieces(say).map((piece) => ['content', piece])];
    let due = began;
    for (const [kind, piece] of all) {
      due += pace;
      const wait = due - performance.now();
      if (wait > 1) await sleep(wait);
      if (answer.isStopped) finish = 'cancelled';
      else if (timings.predicted_n >= most) finish = 'length';
      if (finish !== 'stop') break;
      timings.predicted_n++;
      timings.predicted_ms = performance.now() - began;
      timings.predicted_per_second = (1000 * timings.predicted_n) / Math.max(1, timings.predicted_ms);
      if (kept) kept[kind === 'content' ? 'text' : 'reasoning'] += piece;
      this.emit(answer, chunk({ [kind]: piece }, { timings: { ...timings } }));
    }
    const usage = { prompt_tokens: prompt, completion_tokens: timings.predicted_n, total_tokens: prompt + timings.predicted_n };
    if (!answer.isStopped) {
      const last = chunk({});
      last.choices[0].finish_reason = finish;
      this.emit(answer, last);
      this.emit(answer, { ...chunk({}), choices: [], usage, timings });
      this.emit(answer, '[DONE]');
    }
    const holder = this.store.running(answer.id);
    if (holder) {
      Object.assign(holder.message, { state: answer.isStopped ? 'stopped' : 'done', model: answer.model, facts: { timings, usage, finish } });
      this.store.count(holder.chat, holder.messages);
    }
    answer.isOver = true;
    for (const listener of answer.listeners) listener();
  }

  // Sends an answer's events from one on, as they come.
  async follow(answer, from, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    let at = from;
    let isOpen = true;
    response.on('close', () => {
      isOpen = false;
      for (const listener of answer.listeners) listener();
    });
    while (isOpen) {
      while (at < answer.events.length) response.write(answer.events[at++]);
      if (answer.isOver) break;
      await new Promise((resolve) => {
        const wake = () => {
          answer.listeners.delete(wake);
          resolve();
        };
        answer.listeners.add(wake);
      });
    }
    response.end();
  }
}
