// SPDX-License-Identifier: Apache-2.0
// The screens of the Android app: looked at by axe, and kept as pictures in test-results/screens.
import { join } from 'node:path';
import { pictureFile } from '../e2e/fixtures';
import { begin, beginImport, goTo, growHot, kHotReadings, kReport, lookAtCheck, lookAtDevice, lookAtImport, lookAtTalk, violations } from './screens';
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
        begin(phone);
        await look('empty');
        await chat.ask('Hello there');
        await chat.ask('And now code');
        await lookAtTalk(chat, phone, look);
        await page.getByTestId('new-chat').click();
        await page.getByTestId('attach-input').setInputFiles(pictureFile('mushroom.png', 640, 440));
        await expect(page.getByTestId('picture-preview')).toHaveAttribute('data-state', 'ready');
        await chat.ask('Which mushroom is this?');
        await look('picture');
        await chat.say('Tell me something long');
        await expect(chat.answers().last()).toContainText('Two comes');
        growHot(phone);
        await expect(page.getByTestId('app-paused')).toBeVisible();
        await look('paused');
        await chat.finished();
        beginImport(phone);
        await goTo(page, 'models');
        await lookAtImport(page, look);
        await lookAtDevice(page, look);
        phone.event('decision', { decision: { threads: 4, pause_ms: 12, thinking: null, detail: 'auto', stop: false, reason: 'warm' }, readings: { ...kHotReadings, thermal: 2, headroom: 0.8, battery: 71, charging: true, power_save: false } });
        await expect(page.locator('[data-name=thermal]')).toHaveAttribute('data-good', 'true');
        await look('device-cooler');
        await lookAtCheck(page, look);
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
        await goTo(page, 'proof');
        for (const fold of await page.locator('.page .fold > summary').all()) await fold.click();
        await look('proof');
        await goTo(page, 'about');
        await look('about');
        phone.die(true);
        await expect(page.getByTestId('app-died')).toBeVisible();
        await page.evaluate(() => (window.location.hash = '#/chat'));
        await look('died');
      });
    });
  }
}
