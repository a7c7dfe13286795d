// SPDX-License-Identifier: Apache-2.0
// What every ChatStore has to do, whatever it keeps chats in.
import { beforeEach, describe, expect, it } from 'vitest';
import type { ChatStore } from '../../src/lib/store/chat_store';
import { newId, type Chat, type Message } from '../../src/lib/store/types';

export function message(role: Message['role'], parent: string, text: string, more: Partial<Message> = {}): Message {
  return { id: newId(), parent, role, model: '', state: 'done', created: Date.now(), text, reasoning: '', pictures: [], facts: {}, ...more };
}

// `picture` is a file that the store takes.
export function storeSuite(name: string, open: () => Promise<ChatStore>, picture: () => Blob): void {
  describe(name, () => {
    let store: ChatStore;
    let chat: Chat;
    const mine = async (search = '') => (await store.list({ most: 100, ...(search ? { search } : {}) })).map(({ title }) => title);

    beforeEach(async () => {
      store = await open();
      chat = await store.create({ title: 'A first chat' });
    });

    it('creates chats, with an id of its own or one that is given', async () => {
      expect(chat.id).toMatch(/^[A-Za-z0-9]{24}$/);
      const id = newId();
      expect((await store.create({ id, title: 'x', instructions: 'be brief', folder: 'f' }))).toMatchObject({ id, instructions: 'be brief', folder: 'f', head: '', messages: 0 });
      await expect(store.create({ id })).rejects.toMatchObject({ status: 409 });
    });

    it('keeps messages as a tree, and the last one is the head', async () => {
      const question = message('user', '', 'Question');
      const answer = message('assistant', question.id, 'Answer', { facts: { finish: 'stop' }, reasoning: 'Hm.' });
      const other = message('assistant', question.id, 'Another answer');
      for (const one of [question, answer, other]) await store.add(chat.id, one);
      const { chat: kept, messages } = await store.get(chat.id);
      expect(kept).toMatchObject({ head: other.id, messages: 3 });
      expect(messages.find(({ id }) => id === answer.id)).toMatchObject({ parent: question.id, text: 'Answer', reasoning: 'Hm.', facts: { finish: 'stop' } });
      await expect(store.add(chat.id, answer)).rejects.toMatchObject({ status: 409 });
      await expect(store.add(newId(), message('user', '', 'x'))).rejects.toMatchObject({ status: 404 });
    });

    it('changes what is named and nothing else', async () => {
      await store.change(chat.id, { title: 'Renamed', pinned: true });
      expect((await store.get(chat.id)).chat).toMatchObject({ title: 'Renamed', pinned: true, folder: '' });
      await store.change(chat.id, { folder: 'Letters', instructions: 'be kind' });
      expect((await store.get(chat.id)).chat).toMatchObject({ title: 'Renamed', pinned: true, folder: 'Letters', instructions: 'be kind' });
      const one = message('assistant', '', '', { state: 'running' });
      await store.add(chat.id, one);
      await store.changeMessage(chat.id, one.id, { text: 'Done.', state: 'done' });
      expect((await store.get(chat.id)).messages[0]).toMatchObject({ text: 'Done.', state: 'done', reasoning: '' });
      await expect(store.changeMessage(chat.id, newId(), { text: 'x' })).rejects.toMatchObject({ status: 404 });
    });

    it('deletes a message with all that follows it', async () => {
      const list = [message('user', '', 'a')];
      for (const text of ['b', 'c', 'd']) list.push(message('user', list.at(-1)!.id, text));
      for (const one of list) await store.add(chat.id, one);
      await store.deleteMessage(chat.id, list[2]!.id);
      const { chat: kept, messages } = await store.get(chat.id);
      expect(messages.map(({ text }) => text).sort()).toEqual(['a', 'b']);
      expect(kept.head).toBe(list[1]!.id);
    });

    it('deletes a chat', async () => {
      await store.add(chat.id, message('user', '', 'gone'));
      await store.delete(chat.id);
      await expect(store.get(chat.id)).rejects.toMatchObject({ status: 404 });
      await expect(store.delete(chat.id)).rejects.toMatchObject({ status: 404 });
      expect(await mine()).not.toContain('A first chat');
    });

    it('lists the newest first, pinned before all', async () => {
      await store.create({ title: 'B' });
      const third = await store.create({ title: 'C' });
      expect((await mine()).slice(0, 3)).toEqual(['C', 'B', 'A first chat']);
      await store.add(chat.id, message('user', '', 'newer'));
      expect((await mine())[0]).toBe('A first chat');
      await store.change(third.id, { pinned: true });
      expect((await mine())[0]).toBe('C');
      expect(await store.list({ most: 2 })).toHaveLength(2);
    });

    it('finds words in titles and texts, and shows them', async () => {
      await store.add(chat.id, message('user', '', 'Ein Satz über Pfifferlinge im Wald'));
      const [hit] = await store.list({ search: 'pfiffer' });
      expect(hit).toMatchObject({ id: chat.id });
      expect(hit!.hit!.excerpt).toContain('\uE000Pfiffer\uE001');
      expect(await mine('first')).toEqual(['A first chat']);
      await store.add(chat.id, message('user', '', '今日は天気'));
      expect(await mine('天')).toEqual(['A first chat']);
      expect(await mine('nowhere at all')).toEqual([]);
    });

    it('lists a folder', async () => {
      await store.create({ title: 'in', folder: 'F' });
      expect((await store.list({ folder: 'F' })).map(({ title }) => title)).toEqual(['in']);
    });

    it('imports a whole chat, also one that is here', async () => {
      const question = message('user', '', 'Q');
      const answer = message('assistant', question.id, 'A');
      await store.add(chat.id, question);
      await store.add(chat.id, answer);
      const kept = await store.get(chat.id);
      const copy = await store.import(kept.chat, kept.messages);
      expect(copy.id).not.toBe(chat.id);
      const { messages, chat: made } = await store.get(copy.id);
      expect(messages.map(({ text }) => text)).toEqual(['Q', 'A']);
      expect(messages[1]!.parent).toBe(messages[0]!.id);
      expect(made.head).toBe(messages[1]!.id);
      expect((await store.get(chat.id)).messages).toEqual(kept.messages);
    });

    it('keeps pictures and gives them back', async () => {
      const file = picture();
      const { sha256, width } = await store.putPicture(file);
      expect(sha256).not.toBe('');
      expect(width).toBeGreaterThanOrEqual(0);
      await store.add(chat.id, message('user', '', 'see', { pictures: [{ sha256, name: 'p.png', width: 1, height: 1, detail: 'auto', tokens: 4 }] }));
      expect((await store.picture(sha256)).size).toBe(file.size);
      expect((await store.get(chat.id)).messages[0]!.pictures[0]).toMatchObject({ sha256, name: 'p.png', tokens: 4 });
      expect((await store.get(chat.id)).chat.pictures).toBe(1);
      await expect(store.picture('0'.repeat(64))).rejects.toMatchObject({ status: 404 });
    });

    it('keeps settings', async () => {
      await store.setSettings({ theme: 'dark', thinking: true });
      expect(await store.settings()).toEqual({ theme: 'dark', thinking: true });
    });

    it('gives out copies', async () => {
      const { chat: kept } = await store.get(chat.id);
      kept.title = 'changed outside';
      expect((await store.get(chat.id)).chat.title).toBe('A first chat');
    });
  });
}
