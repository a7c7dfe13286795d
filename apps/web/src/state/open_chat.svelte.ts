// SPDX-License-Identifier: Apache-2.0
// One conversation as it is open: its tree, the branch that is shown, what is typed, and the answer that is being written.
import { answerRequest, continueRequest, cutEnd, titleFrom, type AnswerWishes } from '../lib/chat/request';
import { branchTo, leafFrom, siblingsOf } from '../lib/chat/tree';
import { ApiError } from '../lib/transport/transport';
import type { AnswerJournal } from '../lib/store/journal';
import { newId, type Chat, type ChatChange, type Message, type MessagePicture } from '../lib/store/types';
import type { ChatStore } from '../lib/store/chat_store';
import { Attachments } from './attachments.svelte';
import { connection } from './connection.svelte';
import { faultText } from './faults';
import { RunningAnswer } from './running_answer.svelte';
import { settings } from './settings.svelte';

export function emptyChat(id: string): Chat {
  const now = Date.now();
  return {
    id, title: '', model: '', instructions: '', folder: '', head: '', pinned: false, created: now, updated: now, messages: 0,
    tokens: 0, pictures: 0,
  };
}

function newMessage(role: Message['role'], parent: string, more: Partial<Message>): Message {
  return {
    id: newId(), parent, role, model: '', state: 'done', created: Date.now(), text: '', reasoning: '', pictures: [], facts: {}, ...more,
  };
}

export class OpenChat {
  chat = $state<Chat>(emptyChat(''));
  // Plain objects, but for the one that is being written: a thousand of them cost little.
  messages = $state.raw<Message[]>([]);
  running = $state<RunningAnswer | null>(null);
  draft = $state('');
  fault = $state('');
  isLoading = $state(false);
  isSending = $state(false); // on its way into the store
  isMissing = $state(false);
  editing = $state(''); // the message that is being edited
  pictureSeconds = $state(0); // to read the pictures of the last question
  readonly attachments: Attachments;
  readonly branch = $derived(branchTo(this.messages, this.chat.head));
  lastAnswer = ''; // that came to its end
  lastEnd = 0; // and when
  private isCreated: boolean;
  private following: Promise<void> = Promise.resolve(); // to the end of the running answer

  constructor(
    readonly store: ChatStore,
    readonly isKept: boolean,
    id: string,
    private readonly changed: (chat: OpenChat) => void,
  ) {
    this.isCreated = id !== '';
    this.chat = emptyChat(id || newId());
    this.attachments = new Attachments(store);
  }

  // Something is being written, or on its way into the store.
  get isBusy(): boolean {
    return this.running !== null || this.isSending;
  }

  // An answer can be begun: one that is asked for while nothing listens would end at once.
  get canAnswer(): boolean {
    return connection.isReady && !this.isBusy;
  }

  // With other words a question is asked again; a changed answer goes into the store, which may be the service's.
  canSave(edited: Message): boolean {
    return connection.isReady || (edited.role !== 'user' && !this.store.isJournaled);
  }

  get isNew(): boolean {
    return !this.isCreated;
  }

  async load(): Promise<void> {
    this.isLoading = this.messages.length === 0;
    try {
      const { chat, messages } = await this.store.get(this.chat.id);
      if (this.isBusy) return; // what is here is newer
      this.chat = chat;
      this.messages = messages;
      this.fault = '';
      const running = messages.find((message) => message.state === 'running');
      if (running) this.follow(running.id, null);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) this.isMissing = true;
      else this.fault = faultText(error);
    } finally {
      this.isLoading = false;
    }
  }

  siblings(message: Message): Message[] {
    return siblingsOf(this.messages, message);
  }

  async send(): Promise<void> {
    const typed = this.draft;
    const text = typed.trim();
    if (this.running || this.isSending || (text === '' && this.attachments.list.length === 0)) return;
    const pictures = this.attachments.ready();
    const sent = this.attachments.list.map(({ id }) => id);
    this.pictureSeconds = this.attachments.list.reduce((sum, { seconds }) => sum + seconds, 0);
    this.draft = '';
    await this.once(async () => {
      const isSent = await this.begin(this.chat.head, text, pictures);
      if (isSent) this.attachments.clear(sent); // others may have come meanwhile
      else if (this.draft === '') this.draft = typed;
    });
  }

  // Two clicks in one moment are one: while something is on its way into the store nothing else is begun.
  private async once(work: () => Promise<unknown>): Promise<void> {
    if (this.isSending) return;
    this.isSending = true;
    try {
      await work();
    } finally {
      this.isSending = false;
    }
  }

  // A user's message behind `parent`, and the answer to it. False where it could not be kept: then nothing is lost.
  private async begin(parent: string, text: string, pictures: MessagePicture[]): Promise<boolean> {
    this.fault = '';
    try {
      await this.create(titleFrom(text) || (pictures[0]?.name ?? ''));
      const message = newMessage('user', parent, { text, pictures });
      await this.put(message);
      await this.answer(message.id);
      return true;
    } catch (error) {
      this.fault = faultText(error);
      return false;
    }
  }

  private async create(title: string): Promise<void> {
    if (this.isCreated) return;
    const { id, instructions } = this.chat;
    this.chat = await this.store.create({ id, title, instructions });
    this.isCreated = true;
    this.changed(this);
  }

  private async put(message: Message): Promise<void> {
    await this.store.add(this.chat.id, message);
    this.messages = [...this.messages, message];
    this.chat.head = message.id;
    this.chat.updated = message.created;
    this.changed(this);
  }

  // A new answer to a user's message.
  private async answer(to: string): Promise<void> {
    const asked = branchTo(this.messages, to);
    const message = newMessage('assistant', to, { state: 'running' });
    await this.put(message);
    this.follow(message.id, answerRequest(asked, this.wishes()));
  }

  private wishes(): AnswerWishes {
    const { thinking, length, instructions, temperature, topP, topK, seed, maxTokens } = settings.values;
    return { thinking, length, instructions: [instructions, this.chat.instructions], temperature, topP, topK, seed, maxTokens };
  }

  // Runs an answer to its end: with a request it asks, without it goes on with one that is on its way.
  private follow(id: string, request: Record<string, unknown> | null): void {
    const found = this.find(id);
    if (!found || this.running) return;
    const message = $state(found);
    this.replace(message);
    const writer: { journal: AnswerJournal | null } = { journal: null };
    const running = new RunningAnswer(message, request, (grown) => writer.journal?.write(grown));
    this.running = running;
    this.following = this.toEnd(message, running, writer);
  }

  private async toEnd(message: Message, running: RunningAnswer, writer: { journal: AnswerJournal | null }): Promise<void> {
    const journal = await this.journalOf(running);
    writer.journal = journal;
    const result = running.isElsewhere ? 'gone' : await running.run();
    if (result === 'gone' && (this.store.isJournaled || running.isElsewhere)) await this.fetchRest(message, running);
    else if (result === 'gone') message.state = message.text === '' && message.reasoning === '' ? 'failed' : 'stopped';
    delete message.facts.continues;
    const done = $state.snapshot(message) as Message;
    if (journal) await this.guard(() => journal.finish(done));
    this.replace(done);
    this.running = null;
    this.lastAnswer = done.id;
    this.lastEnd = Date.now();
    if (!journal && !running.isElsewhere && done.state === 'failed') await this.keep(done);
    if (message.model) this.chat.model = message.model;
    this.chat.updated = Date.now();
    this.changed(this);
  }

  // The journal that the answer goes into; null where the service has one, or another tab writes the answer.
  private async journalOf(running: RunningAnswer): Promise<AnswerJournal | null> {
    try {
      return await this.store.journal(this.chat.id, running.message.id);
    } catch (error) {
      running.isElsewhere = error instanceof ApiError && error.status === 409;
      if (!running.isElsewhere) this.fault = faultText(error);
      return null;
    }
  }

  // The service has the answer, but its parts no longer, or another tab writes it: ask for the message until it is
  // complete.
  private async fetchRest(message: Message, running: RunningAnswer): Promise<void> {
    for (let tries = 0; (tries < 300 || running.isElsewhere) && !running.isStopped; tries++) {
      try {
        const { messages } = await this.store.get(this.chat.id);
        const stored = messages.find(({ id }) => id === message.id);
        Object.assign(message, stored ?? { state: 'stopped' });
        if (stored?.state !== 'running') return;
        if (stored.text !== '') running.phase = 'writing';
      } catch (error) {
        // The chat was deleted, this tab has no store any more, or the engine that has it ended for good. Else it may come back.
        if (error instanceof ApiError && ([404, 409].includes(error.status) || error.code === 'engine_ended')) {
          message.state = 'stopped';
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    message.state = 'stopped';
    await this.store.changeMessage(this.chat.id, message.id, { state: 'stopped' }).catch(() => undefined);
  }

  private async keep({ id, text, reasoning, model, state, facts }: Message): Promise<void> {
    try {
      await this.store.changeMessage(this.chat.id, id, { text, reasoning, model, state, facts });
    } catch {
      // The next load shows what the store has.
    }
  }

  async stop(): Promise<void> {
    await this.running?.stop();
  }

  untilEnd(): Promise<void> {
    return this.following;
  }

  // More to keep with an answer that has come to its end.
  async addFacts(id: string, more: Partial<Message['facts']>): Promise<void> {
    const message = this.find(id);
    if (!message || message.state === 'running') return;
    const facts = { ...message.facts, ...more };
    this.replace({ ...message, facts });
    await this.store.changeMessage(this.chat.id, id, { facts }).catch(() => undefined); // it is shown all the same
  }

  nudge(): void {
    this.running?.nudge();
  }

  // Another answer to the same question; one that failed before its first word gives its place.
  async regenerate(message: Message): Promise<void> {
    if (this.running) return;
    await this.once(() =>
      this.guard(async () => {
        if (message.state === 'failed' && message.text === '') await this.remove(message);
        await this.answer(message.parent);
      }),
    );
  }

  // Goes on with an answer that was cut off, behind what there is of it: it stays the same message.
  async goOn(message: Message): Promise<void> {
    if (this.running) return;
    await this.once(() =>
      this.guard(async () => {
        const kept = cutEnd(message);
        const facts: Message['facts'] = { continues: { text: kept.text.length, reasoning: kept.reasoning.length } };
        if (message.facts.thinking_ms !== undefined) facts.thinking_ms = message.facts.thinking_ms;
        const change = { ...kept, state: 'running' as const, facts };
        await this.store.changeMessage(this.chat.id, message.id, change);
        this.replace({ ...message, ...change });
        this.follow(message.id, continueRequest(branchTo(this.messages, message.id), this.wishes()));
      }),
    );
  }

  // A user's message with other words: a branch of its own, with an answer of its own. The old one stays.
  async edit(message: Message, text: string): Promise<void> {
    await this.once(async () => {
      this.editing = '';
      if (message.role === 'user') {
        await this.stop();
        await this.following;
        await this.begin(message.parent, text, message.pictures);
        return;
      }
      await this.guard(() =>
        this.put(newMessage('assistant', message.parent, { text, model: message.model, facts: { edited: true } })),
      );
    });
  }

  async walk(message: Message, step: 1 | -1): Promise<void> {
    const siblings = this.siblings(message);
    const next = siblings[siblings.findIndex(({ id }) => id === message.id) + step];
    if (next) await this.change({ head: leafFrom(this.messages, next.id) });
  }

  // Takes a message away, with all that follows it.
  async remove(message: Message): Promise<void> {
    await this.guard(async () => {
      await this.store.deleteMessage(this.chat.id, message.id);
      const gone = new Set([message.id]);
      for (const { id, parent } of [...this.messages].sort((a, b) => a.created - b.created)) if (gone.has(parent)) gone.add(id);
      this.messages = this.messages.filter(({ id }) => !gone.has(id));
      if (gone.has(this.chat.head)) this.chat.head = message.parent === '' ? '' : leafFrom(this.messages, message.parent);
      this.changed(this);
    });
  }

  async change(change: ChatChange): Promise<void> {
    Object.assign(this.chat, change);
    if (!this.isCreated) return;
    await this.guard(async () => {
      await this.store.change(this.chat.id, change);
      if (change.head === undefined || Object.keys(change).length > 1) this.changed(this);
    });
  }

  private replace(message: Message): void {
    this.messages = this.messages.map((other) => (other.id === message.id ? message : other));
  }

  private find(id: string): Message | undefined {
    return this.messages.find((message) => message.id === id);
  }

  private async guard(work: () => Promise<unknown>): Promise<void> {
    this.fault = '';
    try {
      await work();
    } catch (error) {
      this.fault = faultText(error);
    }
  }
}
