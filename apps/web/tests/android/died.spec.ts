// SPDX-License-Identifier: Apache-2.0
// The engine's process ends: it is said, what was written is kept, and it is there again once.
import type { ChatPage } from '../e2e/fixtures';
import type { FakeApp } from './fake_app';
import { expect, test } from './test';


// The service behind goes on living, so it is told to do what a child that starts again does with an answer that it has no
// longer: it is stopped (docs/serve.md).
async function diesWith(chat: ChatPage, phone: FakeApp, again: boolean): Promise<void> {
  const id = await chat.answers().last().getAttribute('data-id');
  phone.die(again);
  await fetch(`${phone.child.url}/thimble/v1/answers/${id}`, { method: 'DELETE', headers: { 'x-thimble-token': phone.child.token } });
}

test('in the middle of an answer, and again', async ({ chat, phone }) => {
  const { page } = chat;
  const notice = page.getByTestId('app-died');
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Three follows');
  await diesWith(chat, phone, true);
  await expect(notice).toHaveAttribute('data-again', 'true');
  await expect(notice).toContainText('is being started again');
  await expect(notice).toContainText('out of memory');
  await page.getByTestId('composer').fill('Typed meanwhile');
  phone.revive();
  await expect(notice).toContainText('was started again');
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers()).toContainText('One is first. Two comes next. Three follows');
  await expect(page.getByTestId('composer')).toHaveValue('Typed meanwhile');
  await expect(page.locator('.dot[data-state=ready]').first()).toBeVisible();
  await expect(page.getByTestId('continue')).toBeVisible();
  await notice.getByRole('button').click();
  await expect(notice).toHaveCount(0);
  // It can be gone on with.
  await page.getByTestId('continue').click();
  await chat.finished();
  await expect(chat.answers()).toContainText('to the end of a continued answer');

  await chat.say('Tell me something long');
  await expect(chat.answers()).toHaveCount(2);
  await expect(chat.answers().last()).toContainText('Two comes');
  await diesWith(chat, phone, false);
  await expect(notice).toHaveAttribute('data-again', 'false');
  await expect(notice).toContainText('Close the app and open it again');
  await expect(chat.answers().last()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers().last()).toContainText('One is first.');
  await expect.poll(() => phone.said('answering').at(-1)?.is).toBe(false);
});

test('while nothing is asked: a question waits in the composer until it is back', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  phone.die(true);
  await expect(page.getByTestId('app-died')).toBeVisible();
  await expect(page.getByTestId('models')).toContainText('the engine is starting');
  await page.getByTestId('composer').fill('Are you there?');
  await expect(page.getByTestId('send')).toBeDisabled();
  phone.revive();
  await expect(page.getByTestId('send')).toBeEnabled();
  await page.getByTestId('send').click();
  await expect(chat.answers()).toHaveCount(2);
  await chat.finished();
});

test('a chat that is not kept has what came, and can be gone on with', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.showRail();
  await page.getByTestId('rail-menu').click();
  await page.getByTestId('new-passing').click();
  await chat.say('Tell me something long');
  await expect(chat.answers()).toContainText('Three follows');
  await diesWith(chat, phone, true);
  await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
  await expect(chat.answers()).toContainText('One is first.');
  phone.revive();
  await expect(page.getByTestId('continue')).toBeEnabled();
  await page.getByTestId('continue').click();
  await chat.finished();
});

// What begins an answer waits like Send, and what is typed to change a message stays.
for (const isKept of [true, false]) {
  test(`while nothing is asked, ${isKept ? 'kept' : 'not kept'}: no answer is begun until it is back`, async ({ chat, phone }) => {
    const { page } = chat;
    if (!isKept) {
      await chat.showRail();
      await page.getByTestId('rail-menu').click();
      await page.getByTestId('new-passing').click();
    }
    await chat.say('Tell me something long');
    await expect(chat.answers()).toContainText('Two comes');
    await page.getByTestId('stop').click();
    await expect(chat.answers()).toHaveAttribute('data-state', 'stopped');
    const begins = [page.getByTestId('continue'), page.getByTestId('regenerate'), page.getByTestId('edit-save')];
    await page.locator('[data-testid=message][data-role=user]').getByTestId('edit').click();
    const asked = page.getByTestId('edit-text');
    await asked.fill('Hello there');
    for (const button of begins) await expect(button).toBeEnabled();

    phone.die(true);
    for (const button of begins) await expect(button).toBeDisabled();
    const before = phone.requests.length;
    await asked.press('Control+Enter');
    await expect(asked).toHaveValue('Hello there');
    expect(phone.requests.slice(before).filter(({ method }) => method !== 'GET')).toEqual([]);

    phone.revive();
    for (const button of begins) await expect(button).toBeEnabled();
    await page.getByTestId('edit-save').click();
    await chat.finished();
    await expect(page.locator('[data-testid=message][data-role=user]')).toContainText('Hello there');
  });
}

test('words put in place of an answer: a chat that is not kept takes them, one that is kept waits', async ({ chat, phone }) => {
  const { page } = chat;
  await chat.ask('Hello there');
  await chat.answers().getByTestId('edit').click();
  phone.die(true);
  await expect(page.getByTestId('edit-save')).toBeDisabled();
  phone.revive();
  await expect(page.getByTestId('edit-save')).toBeEnabled();

  await chat.showRail();
  await page.getByTestId('rail-menu').click();
  await page.getByTestId('new-passing').click();
  await chat.ask('Hello there');
  await chat.answers().getByTestId('edit').click();
  phone.die(true);
  await expect(page.getByTestId('send')).toBeDisabled();
  await page.getByTestId('edit-text').fill('My own words');
  await page.getByTestId('edit-save').click();
  await expect(chat.answers()).toContainText('My own words');
});
