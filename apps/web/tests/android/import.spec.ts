// SPDX-License-Identifier: Apache-2.0
// Models that the app brings: the page asks for them, shows how far they are, and opens the first one.
import { expect, test } from './test';

const model = 'Qwen3.5-0.8B-Q4_K_M';
const name = `${model}.gguf`;

test('a model is picked, copied, prepared, and given up', async ({ chat, phone }) => {
  const { page } = chat;
  await page.getByTestId('models').click();
  await page.getByTestId('model-import').click();
  await expect.poll(() => phone.said('pick-model').length).toBe(1);
  const row = page.getByTestId('model-import-row');
  // A file that does not say how long it is is counted first, the vision file under its own name.
  phone.event('import', { name: 'mmproj-F16.gguf', bytes: 0, total: 0, state: 'copying' });
  await expect(row).toContainText('Reading');
  phone.event('import', { name, bytes: 0, total: 0, state: 'copying' });
  phone.event('import', { name: model, bytes: 100e6, total: 527e6, state: 'copying' });
  await expect(row).toContainText('100 MB of 527 MB');
  await expect(row.locator('progress')).toHaveAttribute('max', '527000000');
  phone.event('import', { name: model, bytes: 527e6, total: 527e6, state: 'packing' });
  await expect(row).toContainText('is being prepared');
  await expect(row).toHaveCount(1);
  await row.getByRole('button', { name: 'Cancel' }).click();
  await expect(row).toHaveCount(0);
  await expect.poll(() => phone.said('cancel-import')).toEqual([{ type: 'cancel-import', name: model }]);
  // What the app still says of it brings it back no more; the same file, chosen again, does.
  phone.event('import', { name: model, bytes: 527e6, total: 527e6, state: 'packing' });
  phone.event('import', { name: model, bytes: 0, total: 0, state: 'failed', message: 'It was cancelled.' });
  phone.event('import', { name: '', bytes: 0, total: 0, state: 'failed', message: 'Another model is being added.' });
  await expect(page.locator('.toast')).toHaveText('Another model is being added.');
  await expect(row).toHaveCount(0);
  phone.event('import', { name, bytes: 1e6, total: 527e6, state: 'copying' });
  await expect(row).toHaveCount(1);
});

test('one that stopped says why, and goes on where it is chosen again', async ({ chat, phone }) => {
  const { page } = chat;
  // It came by another app: the person is told wherever they are.
  phone.event('import', { name, bytes: 0, total: 527e6, state: 'copying' });
  await expect(page.locator('.toast')).toHaveText(`${model} is being added.`);
  phone.event('import', { name, bytes: 200e6, total: 527e6, state: 'failed', message: 'The phone has no room: 527 MB are needed, 210 MB are free.' });
  await page.getByTestId('models').click();
  const row = page.getByTestId('model-import-row');
  await expect(row).toHaveAttribute('data-state', 'paused');
  await expect(row).toContainText('210 MB are free');
  await row.getByRole('button', { name: 'Go on' }).click();
  await expect.poll(() => phone.said('pick-model').length).toBe(1);
  phone.event('import', { name, bytes: 210e6, total: 527e6, state: 'copying' });
  await expect(row).toHaveAttribute('data-state', 'sending');
});

test.describe('where only the built-in model answers', () => {
  test.use({ isBlind: true });

  test('a model that is here is opened', async ({ chat, phone }) => {
    test.skip(!chat.service.isMock, 'it needs a model in the store');
    const { page } = chat;
    await page.getByTestId('models').click();
    phone.event('import', { name: 'Fixture-VL.gguf', bytes: 735e6, total: 735e6, state: 'copying' });
    phone.event('import', { name: 'Fixture-VL.gguf', bytes: 735e6, total: 735e6, state: 'done' });
    await expect(page.getByTestId('model-item').filter({ hasText: 'Fixture-VL' })).toHaveAttribute('data-open', 'true');
    await expect(page.getByTestId('model-import-row')).toHaveCount(0);
  });

  test('without any, the page says how to bring one, and keeps what is typed', async ({ chat, phone }) => {
    test.skip(!chat.service.isMock, 'a scripted server has its model open');
    const { page } = chat;
    await page.getByTestId('models').click();
    await page.getByRole('button', { name: 'More for' }).first().click();
    await page.getByTestId('model-unload').click();
    await page.evaluate(() => (window.location.hash = '#/chat'));
    await expect(page.getByTestId('no-model')).toContainText('No model is open');
    await page.getByTestId('composer').fill('Hello there');
    await page.getByTestId('send').click();
    await expect(page.locator('.composer .fault')).toContainText('No model is open');
    await expect(page.getByTestId('composer')).toHaveValue('Hello there');
    await page.getByTestId('no-model').getByTestId('model-import').click();
    await expect.poll(() => phone.said('pick-model').length).toBe(1);
    await page.getByTestId('no-model').getByTestId('model-open').first().click();
    await expect(page.getByTestId('no-model')).toHaveCount(0);
    await page.getByTestId('send').click();
    await chat.finished();
  });
});
