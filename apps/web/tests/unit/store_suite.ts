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

    it('gives all pinned chats on the first page, and the others page by page', async () => {
      await store.change(chat.id, { pinned: true });
      const ids = [];
      for (const title of ['B', 'C', 'D']) ids.push((await store.create({ title })).id);
      const page = async (before?: number) => (await store.list({ most: 1, ...(before ? { before } : {}) })).map(({ title }) => title);
      expect(await page()).toEqual(['A first chat', 'D']);
      expect(await page((await store.get(ids[2]!)).chat.updated)).toEqual(['C']);
      expect(await page((await store.get(ids[1]!)).chat.updated)).toEqual(['B']);
      expect(await page((await store.get(ids[0]!)).chat.updated)).toEqual([]);
    });

    it('knows a new name or new words as a change, and a new place as none', async () => {
      await store.create({ title: 'B' });
      await store.change(chat.id, { folder: 'F' });
      expect((await mine())[0]).toBe('B');
      await store.change(chat.id, { title: 'Renamed' });
      expect((await mine())[0]).toBe('Renamed');
    });

    it('shows a branch that is there, and no other', async () => {
      const question = message('user', '', 'Which?');
      const [green, black] = [message('assistant', question.id, 'Green.'), message('assistant', question.id, 'Black.')];
      const why = message('user', black.id, 'Why?');
      for (const one of [question, green, black, why]) await store.add(chat.id, one);
      expect((await store.change(chat.id, { head: green.id })).head).toBe(green.id);
      await expect(store.change(chat.id, { head: newId() })).rejects.toMatchObject({ status: 404 });
      expect((await store.get(chat.id)).chat.head).toBe(green.id);
      await store.change(chat.id, { head: why.id });
      await store.deleteMessage(chat.id, black.id);
      const { chat: kept, messages } = await store.get(chat.id);
      expect(kept).toMatchObject({ head: question.id, messages: 2 });
      expect(messages.map(({ text }) => text)).toEqual(['Which?', 'Green.']);
      await expect(store.deleteMessage(chat.id, black.id)).rejects.toMatchObject({ status: 404 });
    });

    it('refuses what is wrong, and changes nothing', async () => {
      const other = await store.create({ title: 'Other' });
      const first = message('user', '', 'hello');
      await store.add(chat.id, first);
      const before = await store.get(chat.id);
      const refuse = async (to: string, one: Message, status: number) => expect(store.add(to, one), one.text).rejects.toMatchObject({ status });
      await refuse(other.id, { ...first, text: 'ids are everybody’s' }, 409);
      await refuse(other.id, message('user', first.id, 'a parent elsewhere'), 404);
      await refuse(chat.id, message('user', newId(), 'no parent'), 404);
      await refuse(chat.id, message('system' as 'user', '', 'no role'), 400);
      await refuse(chat.id, message('user', '', 'x'.repeat(4 * 1024 * 1024 + 1)), 413);
      await refuse(chat.id, message('user', '', 'a question on its way', { state: 'running' }), 400);
      await refuse(chat.id, message('user', '', 'blind', { pictures: [{ sha256: '0'.repeat(64), name: 'p', width: 1, height: 1, detail: 'auto', tokens: 1 }] }), 404);
      await expect(store.changeMessage(other.id, first.id, { text: 'x' })).rejects.toMatchObject({ status: 404 });
      await expect(store.changeMessage(chat.id, first.id, { text: 'x'.repeat(4 * 1024 * 1024 + 1) })).rejects.toMatchObject({ status: 413 });
      await expect(store.get(newId())).rejects.toMatchObject({ status: 404 });
      await expect(store.change(newId(), { title: 'x' })).rejects.toMatchObject({ status: 404 });
      expect(await store.get(chat.id)).toEqual(before);
      expect((await store.get(other.id)).messages).toEqual([]);
    });

    it('counts messages, tokens and pictures, and knows who answered last', async () => {
      const question = message('user', '', 'Q');
      const answer = message('assistant', question.id, 'A', { model: 'small', facts: { usage: { prompt_tokens: 7, completion_tokens: 5 } } });
      await store.add(chat.id, question);
      await store.add(chat.id, answer);
      expect((await store.get(chat.id)).chat).toMatchObject({ messages: 2, tokens: 12, pictures: 0, model: 'small' });
      await store.changeMessage(chat.id, answer.id, { facts: { usage: { prompt_tokens: 1, completion_tokens: 2 } } });
      expect((await store.get(chat.id)).chat).toMatchObject({ tokens: 3, model: 'small' });
      await store.deleteMessage(chat.id, answer.id);
      expect((await store.get(chat.id)).chat).toMatchObject({ messages: 1, tokens: 0 });
    });

    it('has the tokens of the last answer that tells some, and each picture once', async () => {
      const { sha256 } = await store.putPicture(picture());
      const pictures = [{ sha256, name: 'cup.png', width: 1, height: 1, detail: 'auto' as const, tokens: 4 }];
      const usage = (prompt_tokens: number, completion_tokens: number) => ({ usage: { prompt_tokens, completion_tokens } });
      const question = message('user', '', 'Q', { pictures });
      const answer = message('assistant', question.id, 'A', { facts: usage(7, 5) });
      const next = message('user', answer.id, 'Q', { pictures });
      const last = message('assistant', next.id, 'A', { facts: usage(20, 5) });
      const numbers = async () => {
        const { messages, tokens, pictures: found } = (await store.get(chat.id)).chat;
        const listed = (await store.list({ most: 100 })).find(({ id }) => id === chat.id)!;
        expect([listed.messages, listed.tokens, listed.pictures]).toEqual([messages, tokens, found]);
        return [messages, tokens, found];
      };
      for (const one of [question, answer, next]) await store.add(chat.id, one);
      expect(await numbers()).toEqual([3, 12, 1]);
      await store.add(chat.id, last);
      expect(await numbers()).toEqual([4, 25, 1]);
      await store.changeMessage(chat.id, last.id, { facts: usage(1, 1) });
      expect(await numbers()).toEqual([4, 2, 1]);
      const whole = await store.get(chat.id);
      const copy = await store.import({ ...whole.chat, id: newId() }, whole.messages);
      expect([copy.messages, copy.tokens, copy.pictures]).toEqual([4, 2, 1]);
      await store.deleteMessage(chat.id, next.id);
      expect(await numbers()).toEqual([2, 12, 1]);
      await store.deleteMessage(chat.id, question.id);
      expect(await numbers()).toEqual([0, 0, 0]);
      await store.delete(copy.id);
    });

    it('keeps every letter', async () => {
      const one = message('user', '', 'Green.\0. 😀 \u2028 \uE000 \n\r\t"\\');
      await store.add(chat.id, one);
      expect((await store.get(chat.id)).messages[0]!.text).toBe(one.text);
    });

    describe('searching', () => {
      const found = async (search: string) => (await store.list({ search })).map(({ title, hit }) => `${title}:${hit!.excerpt}`);
      const count = async (search: string) => (await found(search)).length;

      beforeEach(async () => {
        await store.change(chat.id, { title: 'On green tea' });
        const other = await store.create({ title: 'Other' });
        await store.add(other.id, message('user', '', 'Tell me:\nis the Green one better than 100% of others? \\_'));
        const third = await store.create({ title: 'Straße' });
        await store.add(third.id, message('user', '', '私は緑茶が好きです'));
      });

      it('finds all words in one text, in capitals and small, within words', async () => {
        expect(await found('green')).toEqual(['Other:Tell me: is the \uE000Green\uE001 one better than 100% of others? \\_', 'On green tea:On \uE000green\uE001 tea']);
        expect(await found('GREEN tea')).toEqual(['On green tea:On \uE000green\uE001 tea']);
        expect(await count('better green')).toBe(1);
        expect(await count('een')).toBe(2);
        expect(await count('tea better')).toBe(0);
        expect(await count('abcde')).toBe(0);
      });

      it('finds words of every language, of one letter too', async () => {
        expect(await found('緑茶')).toEqual(['Straße:私は\uE000緑茶\uE001が好きです']);
        expect(await count('緑茶が好き')).toBe(1);
        expect(await count('茶')).toBe(1);
        expect(await count('STRASSE')).toBe(0);
        expect(await found('straße')).toEqual(['Straße:\uE000Straße\uE001']);
        await store.change(chat.id, { title: 'Grün ÄPFEL, Ωμέγα, ЖУК, ＡＢ, ΛΌΓΟΣ' });
        for (const word of ['äpfel', 'ΜΈΓ', 'жу', 'ａｂ', 'λόγοσ']) expect(await count(word), word).toBe(1);
      });

      it('takes no word for a pattern', async () => {
        expect([await count('0%'), await count('1%'), await count('\\_'), await count('_x')]).toEqual([1, 0, 1, 0]);
        for (const search of ['" OR *', 'title:green', 'NEAR(green tea)', '.*']) expect(await count(search), search).toBe(0);
        expect(await store.list({ search: '   ' })).toHaveLength(3);
        await expect(store.list({ search: 'x'.repeat(2000) })).rejects.toMatchObject({ status: 400 });
      });

      it('finds what a text is now, and no thoughts', async () => {
        const [other] = await store.list({ search: 'better' });
        const [one] = (await store.get(other!.id)).messages;
        expect(other!.hit!.message).toBe(one!.id);
        await store.changeMessage(other!.id, one!.id, { text: 'About coffee', reasoning: 'green thoughts' });
        expect(await count('green')).toBe(1);
        expect(await found('coffee')).toEqual(['Other:About \uE000coffee\uE001']);
        await store.delete(other!.id);
        expect(await count('coffee')).toBe(0);
      });

      it('shows some 160 letters around the first word', async () => {
        await store.add(chat.id, message('user', '', `${'ö '.repeat(100)}a Needle\uE000 here${'😀 '.repeat(100)}`));
        const { excerpt } = (await store.list({ search: 'needle' }))[0]!.hit!;
        expect(excerpt).toContain('a \uE000Needle\uE001 here');
        expect(excerpt.startsWith('…') && excerpt.endsWith('…')).toBe(true);
        expect([...excerpt].length).toBeLessThan(170);
        expect(() => encodeURIComponent(excerpt)).not.toThrow(); // no half letters
      });
    });

    it('keeps a picture as long as a message names it', async () => {
      const { sha256 } = await store.putPicture(picture());
      const pictures = [{ sha256, name: 'cup.png', width: 1, height: 1, detail: 'auto' as const, tokens: 4 }];
      const other = await store.create({ title: 'Other' });
      const [here, there] = [message('user', '', 'look', { pictures }), message('user', '', 'look', { pictures })];
      await store.add(chat.id, here);
      await store.add(other.id, there);
      await store.delete(chat.id);
      expect((await store.picture(sha256)).type).toBe('image/png');
      await store.changeMessage(other.id, there.id, { pictures: [] });
      await expect(store.picture(sha256)).rejects.toMatchObject({ status: 404 });
      expect((await store.get(other.id)).chat.pictures).toBe(0);
    });

    it('deletes pictures with the message', async () => {
      const { sha256 } = await store.putPicture(picture());
      const one = message('user', '', 'look', { pictures: [{ sha256, name: 'cup.png', width: 1, height: 1, detail: 'auto', tokens: 4 }] });
      await store.add(chat.id, one);
      await store.deleteMessage(chat.id, one.id);
      await expect(store.picture(sha256)).rejects.toMatchObject({ status: 404 });
    });

    it('takes no file without bytes for a picture', async () => {
      const { status } = (await store.putPicture(new Blob([], { type: 'image/png' })).catch((error: unknown) => error)) as { status: number };
      expect([400, 415]).toContain(status);
    });

    it('imports with the times of the file, and ends what is on its way', async () => {
      const question = message('user', '', 'Which?');
      await store.add(chat.id, question);
      const [green, black] = [message('assistant', question.id, 'Green.', { state: 'running' }), message('assistant', question.id, 'Black.')];
      const made = await store.import({ ...chat, title: 'Imported', head: green.id, created: 5, updated: 6 }, [question, green, black]);
      expect(made).toMatchObject({ title: 'Imported', created: 5, updated: 6, head: green.id, messages: 3 });
      expect(made.id).not.toBe(chat.id);
      const { messages } = await store.get(made.id);
      expect(messages[0]!.id).not.toBe(question.id);
      expect(messages.map(({ parent }) => parent)).toEqual(['', messages[0]!.id, messages[0]!.id]);
      expect(messages[1]!.state).toBe('stopped');
      expect((await mine()).at(-1)).toBe('Imported');
    });

    it('imports nothing of what is wrong', async () => {
      const whole = { ...chat, id: newId(), title: 'Imported', head: '' };
      const first = message('user', '', 'x');
      const refuse = async (head: string, list: Message[], status: number) => expect(store.import({ ...whole, head }, list)).rejects.toMatchObject({ status });
      await refuse('', [first, message('user', newId(), 'y')], 400);
      await refuse('', [first, { ...first }], 400);
      await refuse(newId(), [first], 400);
      await refuse('', [message('system' as 'user', '', 'z')], 400);
      await refuse('', [first, message('user', first.id, 'p', { pictures: [{ sha256: '0'.repeat(64), name: '', width: 1, height: 1, detail: 'auto', tokens: 1 }] })], 404);
      expect(await mine()).toEqual(['A first chat']);
      expect((await store.import({ ...whole, head: '' }, [first])).head).toBe(first.id);
    });

    it('takes settings that are one object, and replaces all of them', async () => {
      await store.setSettings({ theme: 'dark' });
      await store.setSettings({ language: 'de' });
      expect(await store.settings()).toEqual({ language: 'de' });
      await expect(store.setSettings([] as unknown as Record<string, unknown>)).rejects.toMatchObject({ status: 400 });
      await expect(store.setSettings({ a: 'x'.repeat(70_000) })).rejects.toMatchObject({ status: 413 });
      expect(await store.settings()).toEqual({ language: 'de' });
    });

    it('lets one write an answer that is on its way, where the service does not', async () => {
      const answer = message('assistant', '', '', { state: 'running' });
      await store.add(chat.id, answer);
      const journal = await store.journal(chat.id, answer.id);
      if (store.isJournaled || !journal) {
        expect([store.isJournaled, journal]).toEqual([true, null]);
        return;
      }
      await expect(store.journal(chat.id, answer.id)).rejects.toMatchObject({ status: 409 });
      journal.write({ text: 'one ', reasoning: 'hm', model: 'small', facts: {} });
      expect((await store.get(chat.id)).messages[0]!.state).toBe('running');
      await journal.finish({ text: 'one two', reasoning: 'hm', model: 'small', facts: { finish: 'stop' }, state: 'done' });
      const kept = await store.get(chat.id);
      expect(kept.messages[0]).toMatchObject({ text: 'one two', reasoning: 'hm', model: 'small', state: 'done', facts: { finish: 'stop' } });
      expect(kept.chat.model).toBe('small');
      await expect(store.journal(chat.id, answer.id)).rejects.toMatchObject({ status: 409 });
      await expect(store.journal(chat.id, newId())).rejects.toMatchObject({ status: 404 });
    });

    it('gives out copies', async () => {
      const { chat: kept } = await store.get(chat.id);
      kept.title = 'changed outside';
      expect((await store.get(chat.id)).chat.title).toBe('A first chat');
    });
  });
}
