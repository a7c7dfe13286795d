// SPDX-License-Identifier: Apache-2.0
import { expect, pictureFile, test } from './fixtures';

test('a picture is chosen, priced, sent and kept', async ({ chat }) => {
  const { page } = chat;
  await page.getByTestId('attach-input').setInputFiles(pictureFile('mushroom.png', 640, 480));
  const preview = page.getByTestId('picture-preview');
  await expect(preview).toHaveAttribute('data-tokens', /^[1-9]\d*$/);
  const auto = Number(await preview.getAttribute('data-tokens'));
  await page.getByText('high', { exact: true }).click();
  await expect.poll(async () => Number(await preview.getAttribute('data-tokens'))).toBeGreaterThanOrEqual(auto);
  await expect(page.getByTestId('context-bar')).toHaveAttribute('data-next', /^[1-9]\d*$/);
  await chat.ask('Which mushroom is this?');
  await expect(preview).toHaveCount(0);
  await expect(chat.questions().getByTestId('message-picture').locator('img')).toBeVisible();
  await page.reload();
  const image = chat.questions().getByTestId('message-picture').locator('img');
  await expect(image).toBeVisible();
  expect(await image.evaluate((element: HTMLImageElement) => element.naturalWidth)).toBe(640);
});

test('what is no picture is a sentence, and the typed text stays', async ({ chat }) => {
  const { page } = chat;
  await page.getByTestId('composer').fill('My question');
  await page.getByTestId('attach-input').setInputFiles({ name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.from('film') });
  await expect(page.locator('.composer .fault')).toContainText('film.mp4 is a video');
  await page.getByTestId('attach-input').setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture at all') });
  await expect(page.locator('.composer .fault')).toContainText('broken.png');
  await expect(page.getByTestId('composer')).toHaveValue('My question');
});

test('a picture is pasted and dropped', async ({ chat }) => {
  const { page } = chat;
  for (const kind of ['paste', 'drop']) {
    await page.getByTestId('composer').evaluate(async (area, type) => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = 64;
      canvas.getContext('2d')?.fillRect(0, 0, 32, 32);
      const blob = await new Promise<Blob>((resolve) => canvas.toBlob((made) => resolve(made!)));
      const data = new DataTransfer();
      data.items.add(new File([blob], `${type}.png`, { type: 'image/png' }));
      area.dispatchEvent(type === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    }, kind);
  }
  await expect(page.getByTestId('picture-preview')).toHaveCount(2);
  await expect(page.getByTestId('picture-preview').last()).toHaveAttribute('data-state', 'ready');
});

test.describe('a blind model', () => {
  test.use({ isBlind: true });

  test('says what to get, and keeps the picture until a model sees', async ({ chat }) => {
    const { page } = chat;
    if (chat.service.isMock) await expect(page.getByText('tiny and often wrong')).toBeVisible();
    await page.getByTestId('composer').fill('What is this?');
    await page.getByTestId('attach-input').setInputFiles(pictureFile('photo.png', 320, 240));
    const sheet = page.getByTestId('sheet-sees');
    await expect(sheet).toContainText('mmproj');
    await expect(sheet).toContainText('https://huggingface.co/models?search=Qwen3.5+GGUF');
    await expect(sheet).toContainText('about 528 MB');
    await expect(sheet.locator('a')).toHaveCount(0);
    await page.keyboard.press('Escape');
    await expect(sheet).toHaveCount(0);
    await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'blind');
    await expect(page.getByTestId('composer')).toHaveValue('What is this?');
    test.skip(!chat.service.isMock, 'a model that sees is needed in the store');
    await page.getByTestId('models').click();
    await page.getByTestId('model-item').filter({ hasText: 'Fixture-VL' }).getByTestId('model-open').click();
    await expect(page.getByTestId('model-item').filter({ hasText: 'Fixture-VL' })).toHaveAttribute('data-open', 'true');
    await page.getByRole('link', { name: 'Back to the chat' }).click();
    await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
    await page.getByTestId('send').click();
    await chat.finished();
  });
});
