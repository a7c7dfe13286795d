// SPDX-License-Identifier: Apache-2.0
// Pictures of the main pages, for people to look at: test-results/screens.
import { join } from 'node:path';
import { expect, pictureFile, test } from './fixtures';

const folder = join(import.meta.dirname, '../../test-results/screens');
const kLooks = (process.env['THIMBLE_ALL_LANGUAGES'] ? ['en', 'de', 'es', 'fr', 'it', 'pt', 'nl', 'pl', 'tr', 'zh', 'ja', 'ar'] : ['en', 'ar']).flatMap((lang) =>
  (lang === 'en' ? ['light', 'dark'] : ['light']).map((theme) => ({ lang, theme })),
);

for (const { lang, theme } of kLooks) {
  test.describe(`${lang} ${theme}`, () => {
    test.use({ query: `?lang=${lang}&theme=${theme}` });
    test('screens', async ({ chat }, info) => {
      const { page } = chat;
      const shoot = (name: string) => page.screenshot({ path: join(folder, `${info.project.name}-${lang}-${theme}-${name}.png`) });
      await shoot('empty');
      await page.getByTestId('attach-input').setInputFiles(pictureFile('mushroom.png', 640, 440));
      await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
      await chat.ask('Which mushroom is this, and can I eat it?');
      await page.getByTestId('attach-input').setInputFiles(pictureFile('second.png', 400, 400));
      await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
      await shoot('chat');
      await page.locator('.tile button').click();
      await chat.say('How do I tell it from the edible one of Caesar? A small table, please.');
      await expect(chat.answers().last().locator('table')).toBeVisible();
      await shoot('writing');
      await chat.finished();
      await chat.ask('And now code');
      await shoot('code');
      await chat.showRail();
      await page.waitForTimeout(300);
      await shoot('rail');
      await chat.hideRail();
      for (const name of ['models', 'settings', 'proof', 'about']) {
        await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
        await expect(page.getByTestId(`page-${name}`)).toBeVisible();
        await page.waitForTimeout(250);
        await shoot(name);
      }
      await page.evaluate(() => (window.location.hash = '#/models'));
      await page.getByTestId('model-import').locator('xpath=following-sibling::button').click();
      await expect(page.getByTestId('sheet-sees')).toBeVisible();
      await shoot('sees');
    });
  });
}
