// SPDX-License-Identifier: Apache-2.0
// The screens of the Android app: looked at by axe, and kept as pictures in test-results/screens.
import { join } from 'node:path';
import { pictureFile } from '../e2e/fixtures';
import { kReport, violations } from './screens';
import { expect, test } from './test';

const kScreens = join(import.meta.dirname, '../../test-results/screens');

for (const theme of ['light', 'dark']) {
  for (const lang of process.env['THIMBLE_ALL_LANGUAGES'] ? ['en', 'de', 'es', 'fr', 'it', 'pt', 'nl', 'pl', 'tr', 'zh', 'ja', 'ar'] : ['en', 'ar']) {
    test.describe(`${lang}, ${theme}`, () => {
      test.use({ query: `?lang=${lang}&theme=${theme}` });
      test('screens', async ({ chat, phone }) => {
        const { page } = chat;
        test.setTimeout(120_000);
        const look = async (name: string) => {
          await page.waitForTimeout(250);
          await page.screenshot({ path: join(kScreens, `android-${lang}-${theme}-${name}.png`) });
          expect(await violations(page), name).toEqual([]);
          expect(await page.evaluate(() => document.documentElement.scrollWidth), name).toBeLessThanOrEqual(412);
        };
        const go = async (name: string) => {
          await page.evaluate((hash) => (window.location.hash = hash), `#/${name}`);
          await expect(page.getByTestId(`page-${name}`)).toBeVisible();
        };
        phone.event('insets', { top: 32, right: 0, bottom: 20, left: 0 });
        phone.event('started', { version: '0.7.0', isa: 'neon dotprod i8mm', threads: 4 });
        phone.instead.set('GET /thimble/v1/self-check', { status: 200, body: kReport });
        await look('empty');
        await chat.ask('Hello there');
        await chat.ask('And now code');
        phone.event('cost', { cpu_seconds: 12.3, battery_percent: 1, thermal: 2 });
        await expect(page.getByTestId('cost')).toBeVisible();
        await look('chat');
        await chat.showRail();
        await page.waitForTimeout(300);
        await look('rail');
        await page.getByTestId('new-chat').click();
        await page.getByTestId('attach-input').setInputFiles(pictureFile('mushroom.png', 640, 440));
        await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
        await chat.ask('Which mushroom is this?');
        await look('picture');
        await chat.say('Tell me something long');
        await expect(chat.answers().last()).toContainText('Two comes');
        const readings = { thermal: 3, headroom: 1.04, battery: 18, charging: false, power_save: true, mode: 'balanced' };
        phone.event('decision', { decision: { threads: 2, pause_ms: 0, thinking: 0, detail: 'low', stop: true, reason: 'severe' }, readings });
        await expect(page.getByTestId('app-paused')).toBeVisible();
        await look('paused');
        await chat.finished();
        phone.event('import', { name: 'Qwen3.5-2B-Q4_K_M.gguf', bytes: 410e6, total: 1271e6, state: 'copying' });
        await go('models');
        await expect(page.getByTestId('model-import-row')).toBeVisible();
        await expect(page.locator('.toast')).toHaveCount(0);
        await look('models');
        await go('settings');
        await expect(page.getByTestId('setting-mode')).toBeVisible();
        await look('settings');
        await go('device');
        await expect(page.locator('[data-name=thermal]')).toHaveAttribute('data-good', 'false');
        await look('device');
        phone.event('decision', { decision: { threads: 4, pause_ms: 12, thinking: null, detail: 'auto', stop: false, reason: 'warm' }, readings: { ...readings, thermal: 2, headroom: 0.8, battery: 71, charging: true, power_save: false } });
        await expect(page.locator('[data-name=thermal]')).toHaveAttribute('data-good', 'true');
        await look('device-cooler');
        await page.getByTestId('self-check').click();
        await look('check-before');
        await page.getByTestId('check-run').click();
        await expect(page.getByTestId('check-verdict')).toHaveAttribute('data-passed', 'true');
        await look('check');
        await page.getByTestId('check-share').click();
        await page.getByTestId('check-copy').click();
        await expect.poll(() => phone.said('copy').length).toBe(1);
        const report = JSON.parse(phone.said('copy')[0]!.text.replace(/^.*\n/, '')) as Record<string, unknown>;
        expect(report).toMatchObject({ report: kReport, engine: { isa: 'neon dotprod i8mm' }, readings: { battery: 71 } });
        expect(phone.said('share')[0]!.text).toBe(phone.said('copy')[0]!.text);
        phone.instead.set('GET /thimble/v1/self-check', { status: 200, body: { checks: [{ name: 'kernels', passed: false, detail: 'q4_k differs' }] } });
        await page.getByTestId('check-run').click();
        await expect(page.getByTestId('check-verdict')).toHaveAttribute('data-passed', 'false');
        await look('check-failed');
        await go('proof');
        for (const fold of await page.locator('.page .fold > summary').all()) await fold.click();
        await look('proof');
        await go('about');
        await look('about');
        phone.die(true);
        await expect(page.getByTestId('app-died')).toBeVisible();
        await page.evaluate(() => (window.location.hash = '#/chat'));
        await look('died');
      });
    });
  }
}
