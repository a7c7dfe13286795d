// SPDX-License-Identifier: Apache-2.0
// An answer that is being written: what it waits for, how long it thinks, how it ends.
import { applyChunk, hasWords, type Chunk, type PromptProgress } from '../lib/chat/chunks';
import { Follower, stopAnswer, type FollowResult } from '../lib/chat/follow';
import type { Message } from '../lib/store/types';
import { announcer } from './announcer.svelte';
import { connection } from './connection.svelte';
import { faultText } from './faults';
import { transport } from './session';
import { tellTabs } from './tabs';

export class RunningAnswer {
  place = $state(0); // in the queue; 0: its turn
  progress = $state.raw<PromptProgress | null>(null);
  isLost = $state(false);
  isElsewhere = $state(false); // another tab writes it
  phase = $state<'waiting' | 'thinking' | 'writing'>('waiting');
  thinkingSince = $state(0);
  readonly began = Date.now();
  private readonly isFresh: boolean;
  isStopped = false; // the person has stopped it
  private isConnected = false;
  private readonly abort = new AbortController();
  private readonly follower: Follower;
  // What an answer had that is gone on with; its stream holds only what is new.
  private readonly before: { text: string; reasoning: string };

  constructor(
    readonly message: Message,
    private readonly request: Record<string, unknown> | null,
    private readonly grown: (message: Message) => void = () => undefined, // after each part
  ) {
    this.isFresh = request !== null;
    const { continues } = message.facts;
    this.before = { text: message.text.slice(0, continues?.text ?? 0), reasoning: message.reasoning.slice(0, continues?.reasoning ?? 0) };
    this.follower = new Follower(
      transport,
      message.id,
      {
        chunk: (chunk) => this.take(chunk),
        waiting: (place) => (this.place = place),
        connection: (state) => this.onConnection(state),
      },
      this.abort.signal,
      continues !== undefined,
    );
  }

  // 'gone': the service does not have it any more. Else the message has its state.
  async run(): Promise<FollowResult> {
    announcer.begin(this.before.text.length);
    try {
      const result = await this.follower.run(this.request);
      if (result === 'gone' && !this.isStopped) return result;
      this.message.state = this.isStopped || this.message.facts.finish === 'cancelled' ? 'stopped' : 'done';
    } catch (error) {
      this.message.state = this.isStopped ? 'stopped' : 'failed';
      if (!this.isStopped) this.message.facts.error = faultText(error);
    }
    this.endThinking();
    announcer.grow(this.message.text, true);
    return 'end';
  }

  async stop(): Promise<void> {
    if (this.isElsewhere) return tellTabs({ stop: this.message.id });
    this.isStopped = true;
    const isKnown = await stopAnswer(transport, this.message.id).catch(() => false);
    // The service ends the stream itself, with what came; else it is cut here.
    if (isKnown) setTimeout(() => this.abort.abort(), 1000);
    else this.abort.abort();
  }

  nudge(): void {
    this.follower.nudge();
  }

  private onConnection(state: 'connected' | 'lost'): void {
    this.isLost = state === 'lost';
    if (this.isLost) void connection.look(); // the page says it, and looks again and again
    if (state === 'connected' && !this.isConnected) {
      // All parts come from the first one on.
      this.isConnected = true;
      Object.assign(this.message, this.before);
    }
  }

  private take(chunk: Chunk): void {
    this.place = 0;
    if (chunk.prompt_progress) this.progress = chunk.prompt_progress;
    applyChunk(this.message, chunk);
    this.grown(this.message);
    if (!hasWords(chunk)) return;
    if (this.phase === 'waiting' && this.isFresh) this.message.facts.ttft_ms = Date.now() - this.began;
    const delta = chunk.choices?.[0]?.delta;
    if (delta?.content) {
      this.endThinking();
      this.phase = 'writing';
      announcer.grow(this.message.text, false);
    } else if (this.phase === 'waiting') {
      this.phase = 'thinking';
      this.thinkingSince = Date.now();
    }
  }

  private endThinking(): void {
    if (this.phase === 'thinking' && this.isFresh) {
      this.message.facts.thinking_ms = (this.message.facts.thinking_ms ?? 0) + Date.now() - this.thinkingSince;
    }
    if (this.phase === 'thinking') this.phase = 'writing';
  }
}
