// SPDX-License-Identifier: Apache-2.0
// All chats: the list, its search, and the ones that are open.
import { ApiError } from '../lib/transport/transport';
import type { ChatChange, ListedChat } from '../lib/store/types';
import { faultText } from './faults';
import { OpenChat } from './open_chat.svelte';
import { router } from './router.svelte';
import { keptStore, passingStore } from './session';
import { listenToTabs, tellTabs } from './tabs';

const kPage = 100;

class Chats {
  list = $state.raw<ListedChat[]>([]);
  search = $state('');
  folder = $state('');
  fault = $state('');
  hasMore = $state(false);
  isKeeping = $state(true); // whether the service has a store
  isLoaded = $state(false);
  current = $state.raw<OpenChat>(new OpenChat(keptStore, true, '', (chat) => this.onChange(chat)));
  private readonly open = new Map<string, OpenChat>(); // those whose answer is being written, too
  private request = 0;

  get isAnswering(): boolean {
    return this.current.running !== null || [...this.open.values()].some((chat) => chat.running !== null);
  }

  // Of a chat whose answer is being written.
  get answeringTitle(): string {
    return this.answering()[0]?.chat.title ?? '';
  }

  stopAll(): void {
    for (const chat of this.answering()) void chat.stop();
  }

  // The answer that came to its end last, or is about to.
  async lastAnswer(): Promise<{ chat: OpenChat; message: string } | null> {
    const all = new Set([this.current, ...this.open.values()]);
    const latest = [...all].filter(({ lastEnd }) => lastEnd > Date.now() - 3000).sort((a, b) => b.lastEnd - a.lastEnd)[0];
    const chat = latest ?? this.answering()[0];
    if (!chat) return null;
    if (!latest) await chat.untilEnd();
    return { chat, message: chat.lastAnswer };
  }

  private answering(): OpenChat[] {
    return [...new Set([this.current, ...this.open.values()])].filter((chat) => chat.running !== null);
  }

  start(): void {
    listenToTabs({
      changed: () => void this.onOthers(),
      stop: (answer) => {
        for (const chat of this.open.values()) if (chat.running?.message.id === answer && !chat.running.isElsewhere) void chat.stop();
      },
    });
  }

  get folders(): string[] {
    return [...new Set(this.list.map((chat) => chat.folder).filter((folder) => folder !== ''))].sort();
  }

  async refresh(): Promise<void> {
    const request = ++this.request;
    try {
      const list = await keptStore.list({ search: this.search.trim(), folder: this.folder || undefined, most: kPage });
      if (request !== this.request) return;
      this.list = list;
      this.hasMore = list.length >= kPage; // pinned ones come in addition
      this.fault = '';
      this.isKeeping = true;
    } catch (error) {
      if (request !== this.request) return;
      if (error instanceof ApiError && (error.status === 404 || error.status === 501)) this.isKeeping = false;
      else this.fault = faultText(error);
    }
    this.isLoaded = true;
  }

  async more(): Promise<void> {
    const last = this.list.at(-1);
    if (!this.hasMore || !last) return;
    const list = await keptStore.list({ search: this.search.trim(), folder: this.folder || undefined, before: last.updated, most: kPage });
    const known = new Set(this.list.map(({ id }) => id));
    this.list = [...this.list, ...list.filter(({ id }) => !known.has(id))];
    this.hasMore = list.length >= kPage;
  }

  // Chats came in another way than by being open.
  async tookIn(): Promise<void> {
    await this.refresh();
    tellTabs('changed');
  }

  startNew(isKept = true): void {
    const keeps = isKept && this.isKeeping;
    this.current = new OpenChat(keeps ? keptStore : passingStore, keeps, '', (chat) => this.onChange(chat));
    router.go('chat');
  }

  // Shows a chat; one that is being written goes on as it is.
  async show(id: string): Promise<void> {
    if (id === '') {
      if (!this.current.isNew) this.startNew();
      return;
    }
    if (this.current.chat.id === id && !this.current.isNew) return;
    let chat = this.open.get(id);
    if (!chat) {
      const isKept = !passingStore.has(id);
      chat = new OpenChat(isKept ? keptStore : passingStore, isKept, id, (changed) => this.onChange(changed));
      this.remember(chat);
      this.current = chat;
      await chat.load();
    } else {
      this.current = chat;
      if (chat.isKept && !chat.running) await chat.load();
    }
  }

  async change(id: string, change: ChatChange): Promise<void> {
    const open = this.current.chat.id === id ? this.current : this.open.get(id);
    if (open) await open.change(change);
    else await keptStore.change(id, change);
    await this.refresh();
    tellTabs('changed');
  }

  async delete(id: string): Promise<void> {
    const open = this.open.get(id) ?? (this.current.chat.id === id ? this.current : undefined);
    if (open?.running) await open.stop();
    await (open?.store ?? keptStore).delete(id);
    this.open.delete(id);
    if (this.current.chat.id === id) this.startNew();
    await this.refresh();
    tellTabs('changed');
  }

  // Every chat that is kept.
  async deleteAll(): Promise<void> {
    for (;;) {
      const list = await keptStore.list({ most: kPage });
      if (list.length === 0) break;
      for (const { id } of list) {
        await this.open.get(id)?.stop();
        await keptStore.delete(id);
        this.open.delete(id);
      }
    }
    this.current = new OpenChat(keptStore, true, '', (chat) => this.onChange(chat));
    await this.refresh();
    tellTabs('changed');
  }

  nudge(): void {
    for (const chat of new Set([this.current, ...this.open.values()])) chat.nudge();
  }

  private onChange(chat: OpenChat): void {
    this.remember(chat);
    const { route } = router;
    if (chat === this.current && !chat.isNew && route.page === 'chat' && route.id === '') router.go(`chat/${chat.chat.id}`, true);
    if (!chat.isKept) return;
    void this.refresh();
    tellTabs('changed');
  }

  // A few stay, so that going back is instant; those that are written, always.
  private remember(chat: OpenChat): void {
    this.open.delete(chat.chat.id);
    this.open.set(chat.chat.id, chat);
    for (const [id, old] of this.open) {
      if (this.open.size <= 6) break;
      if (!old.running && old !== this.current && old.isKept) this.open.delete(id);
    }
  }

  private async onOthers(): Promise<void> {
    await this.refresh();
    const { current } = this;
    if (current.isKept && !current.isNew && !current.running && current.editing === '') await current.load();
  }
}

export const chats = new Chats();
