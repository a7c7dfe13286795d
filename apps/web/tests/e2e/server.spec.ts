// SPDX-License-Identifier: Apache-2.0
// What happens when the server goes away, and models that really come in: against servers of the tests' own.
import { join } from 'node:path';
import { ChatPage, expect, pictureFile, test as base, watch } from './fixtures';
import { fixtures, OwnServer } from './own_server';

const test = base.extend<{ pace: number; server: OwnServer; own: ChatPage }>({
  pace: [25, { option: true }],
  server: async ({ pace }, use) => {
    const server = new OwnServer(pace);
    await use(server);
    await server.end();
  },
  own: async ({ page, server }, use) => {
    const service = await server.start();
    const faults: string[] = [];
    watch(page, service, faults);
    const chat = new ChatPage(page, service, faults);
    await chat.open();
    await use(chat);
    expect(faults, 'faults of the page').toEqual([]);
  },
});

const words = async (chat: ChatPage) => (await chat.answers().locator('.markdown').innerText()).trim();
const kEnd = ' It goes on behind what was there, and comes to the end of a continued answer.';

test('the server is killed in the middle of an answer and started again: what came is there, and goes on', async ({ own: chat, server }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('composer').fill('Typed meanwhile');
  await server.kill();
  await expect(chat.answers()).toContainText('The connection is lost');
  await expect(page.locator('.strip')).toContainText('cannot be reached');
  const seen = await words(chat);
  const id = await chat.answers().getAttribute('data-id');
  const { token } = await server.start();
  expect(token).toBe(chat.service.token); // the same home: the page need not be opened anew
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped', { timeout: 20_000 });
  await expect(page.locator('.strip')).toHaveCount(0);
  // The journal has what a reader has seen; what it has more was on its way.
  const kept = await words(chat);
  expect(kept.startsWith(seen), `${kept} / ${seen}`).toBe(true);
  expect(kept).not.toContain('The very last sentence');
  await expect(page.getByTestId('composer')).toHaveValue('Typed meanwhile');
  await page.getByTestId('continue').click();
  await chat.finished();
  expect(await words(chat)).toBe(kept + kEnd);
  await expect(chat.answers()).toHaveAttribute('data-id', id!);
  await page.reload();
  await expect(chat.answers().locator('.markdown')).toHaveText(kept + kEnd);
  await expect(page.getByTestId('branches')).toHaveCount(0);
});

test('a server that is killed while an answer is gone on with @desktop', async ({ own: chat, server }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('stop').click();
  await page.getByTestId('continue').click();
  await expect(chat.answers()).toContainText('It goes on');
  await server.kill();
  await expect(chat.answers()).toContainText('The connection is lost');
  const seen = await words(chat);
  await server.start();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped', { timeout: 20_000 });
  const kept = await words(chat);
  expect(kept.startsWith(seen), `${kept} / ${seen}`).toBe(true);
  expect(kept).toMatch(/^One is first\. Two comes.* It goes on/);
  await page.getByTestId('continue').click();
  await chat.finished();
  expect(await words(chat)).toBe(kept + kEnd);
});

test('a chat that is not kept goes on over a kill, too: this page has it @desktop', async ({ own: chat, server }) => {
  const { page } = chat;
  await chat.showRail();
  await page.getByTestId('rail-menu').click();
  await page.getByTestId('new-passing').click();
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await server.kill();
  await expect(chat.answers()).toContainText('The connection is lost');
  const seen = await words(chat);
  await server.start();
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped', { timeout: 20_000 });
  const kept = await words(chat);
  expect(kept.startsWith(seen), `${kept} / ${seen}`).toBe(true);
  await page.getByTestId('continue').click();
  await chat.finished();
  expect(await words(chat)).toBe(kept + kEnd);
});

test('a server with another home has another token: the page says which address to open @desktop', async ({ own: chat, server }) => {
  const { page } = chat;
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Two comes next');
  await page.getByTestId('composer').fill('Typed meanwhile');
  await server.kill();
  await expect(page.locator('.strip')).toContainText('cannot be reached');
  const seen = await words(chat);
  server.moveHome();
  const { url, token } = await server.start();
  expect(token).not.toBe(chat.service.token);
  await expect(page.locator('.strip')).toContainText('Open the address that `thimble serve` prints', { timeout: 20_000 });
  expect((await words(chat)).startsWith(seen)).toBe(true);
  await expect(page.getByTestId('composer')).toHaveValue('Typed meanwhile');
  await page.goto(`${url}/#token=${token}`);
  await expect(page.locator('.strip')).toHaveCount(0); // in the same tab, where it changes only what stands behind the #
  expect(page.url()).not.toContain('token');
  await expect(page.getByTestId('composer')).toHaveValue('Typed meanwhile');
  await chat.showRail();
  await page.getByTestId('new-chat').click();
  await chat.ask('Hello there');
  await expect(chat.answers().last()).toContainText('A short answer.');
});

test.describe('thimble serve with a model that cannot see', () => {
  test.use({ pace: 0 });

  test('models come in by their files, are opened, see, answer, and are deleted', async ({ own: chat }) => {
    const { page } = chat;
    test.setTimeout(120_000);
    const model = (name: string) => page.locator(`[data-testid=model-item][data-name="${name}"]`);
    const import_ = async (name: string, ...files: string[]) => {
      await page.getByTestId('model-input').setInputFiles(files.map((file) => join(fixtures, 'gguf', file)));
      await expect(model(name)).toBeVisible({ timeout: 20_000 });
      await expect(page.getByTestId('model-import-row').last()).toHaveAttribute('data-state', 'done');
    };
    const open = async (name: string) => {
      await model(name).getByTestId('model-open').click();
      await expect(model(name)).toHaveAttribute('data-open', 'true', { timeout: 20_000 });
    };
    // A picture that this model cannot see opens the sheet, and waits.
    await page.getByTestId('composer').fill('What is this?');
    await page.getByTestId('attach-input').setInputFiles(pictureFile('photo.png', 320, 240));
    await expect(page.getByTestId('sheet-sees')).toContainText('mmproj');
    await page.keyboard.press('Escape');
    await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'blind');
    await page.getByTestId('models').click();
    // What is no model is a sentence, and not kept.
    await page.getByTestId('model-input').setInputFiles({ name: 'broken.gguf', mimeType: 'application/octet-stream', buffer: Buffer.alloc(100_000, 7) });
    const broken = page.getByTestId('model-import-row').filter({ hasText: 'broken' });
    await expect(broken).toHaveAttribute('data-state', 'paused');
    await expect(broken.getByRole('status')).toContainText(/GGUF/);
    await broken.getByRole('button', { name: 'Cancel' }).click();
    await expect(model('broken')).toHaveCount(0);
    // The eyes alone are no model.
    await page.getByTestId('model-input').setInputFiles(join(fixtures, 'gguf/mmproj-vl-f32.gguf'));
    await expect(page.getByTestId('model-import-row').last()).toHaveAttribute('data-state', 'incomplete');
    await page.getByTestId('model-import-row').last().getByRole('button', { name: 'Cancel' }).click();
    await import_('vl-q8_0', 'vl-q8_0.gguf', 'mmproj-vl-q8_0.gguf');
    await import_('text-tied-q8_0', 'text-tied-q8_0.gguf');
    await open('vl-q8_0');
    await expect(model('vl-q8_0')).toContainText('sees pictures');
    await page.getByRole('link', { name: 'Back to the chat' }).click();
    await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
    await expect(page.getByTestId('composer')).toHaveValue('What is this?');
    await page.getByTestId('send').click();
    await expect(page.getByTestId('picture-preview')).toHaveCount(0);
    await chat.finished(); // no words: its weights are random
    await expect(page.getByTestId('meter')).toHaveAttribute('data-tokens', /^[1-9]\d*$/);
    await page.getByTestId('models').click();
    await open('text-tied-q8_0');
    await expect(model('text-tied-q8_0')).toContainText('reads text');
    await model('vl-q8_0').getByRole('button', { name: 'More for' }).click();
    await page.getByTestId('model-delete').click();
    await page.getByTestId('model-delete-confirm').click();
    await expect(model('vl-q8_0')).toHaveCount(0);
    await page.reload();
    await expect(model('text-tied-q8_0')).toBeVisible();
    await expect(model('vl-q8_0')).toHaveCount(0);
  });

  test('a model that is a folder comes in by its files @desktop', async ({ own: chat }) => {
    const { page } = chat;
    await page.getByTestId('models').click();
    const files = ['config.json', 'generation_config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'model.safetensors'];
    await page.getByTestId('model-input').setInputFiles(files.map((file) => join(fixtures, 'models/vl', file)));
    const model = page.locator('[data-testid=model-item][data-name=model]');
    await expect(model).toBeVisible({ timeout: 20_000 });
    await model.getByTestId('model-open').click();
    await expect(model).toHaveAttribute('data-open', 'true', { timeout: 20_000 });
    await expect(model).toContainText('sees pictures');
  });
});
