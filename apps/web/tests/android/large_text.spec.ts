// SPDX-License-Identifier: Apache-2.0
// The system's largest letters (200 %): the web view makes all text so much larger, and boxes stay what they are. Every text
// can be read on a phone's width, in both directions and themes, and axe finds nothing.
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { begin, beginImport, goTo, growHot, lookAtCheck, lookAtDevice, lookAtImport, lookAtTalk, violations } from './screens';
import { expect, test } from './test';

const kScreens = join(import.meta.dirname, '../../test-results/screens');

// As Android's web view does it: sizes of letters and heights of lines that are told in pixels, times two.
async function enlarge(page: Page): Promise<void> {
  await page.evaluate(() => {
    const twice = (rules: CSSRuleList): void => {
      for (const rule of rules) {
        if (rule instanceof CSSStyleRule) {
          // `font` itself where a family in it is a variable: then its parts are empty.
          for (const property of ['font', 'font-size', 'line-height']) {
            const value = rule.style.getPropertyValue(property);
            if (property === 'font' && rule.style.getPropertyValue('font-size') !== '') continue;
            if (/\dpx\b/.test(value)) rule.style.setProperty(property, value.replace(/([\d.]+)px\b/g, (_, size) => `${2 * Number(size)}px`));
          }
        }
        if ('cssRules' in rule) twice(rule.cssRules as CSSRuleList);
      }
    };
    const seen = new WeakSet<CSSStyleSheet>();
    const all = (): void => {
      for (const sheet of document.styleSheets) {
        if (seen.has(sheet)) continue;
        seen.add(sheet);
        twice(sheet.cssRules);
      }
    };
    all();
    // Parts of the page that are loaded later bring styles of their own.
    document.head.addEventListener('load', all, true);
  });
}

// Texts of which something cannot be seen, and cannot be scrolled to either.
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement!;
      const text = node.textContent!.trim();
      if (text === '' || !parent.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || parent.closest('.off-screen, svg, [inert], [aria-hidden=true]')) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const rect of range.getClientRects()) {
        const [canScrollX, canScrollY] = [{ is: false }, { is: false }];
        for (let box: Element | null = parent; box && box !== document.body; box = box.parentElement) {
          const style = getComputedStyle(box);
          const edge = box.getBoundingClientRect();
          const clips = (overflow: string) => overflow === 'hidden' || overflow === 'clip';
          // A name that ends in dots says so; the whole one is said to who listens.
          canScrollX.is ||= style.textOverflow === 'ellipsis';
          const isButton = box.matches('button, a, summary, .chip');
          if (!canScrollX.is && (clips(style.overflowX) || isButton) && (rect.left < edge.left - 1.5 || rect.right > edge.right + 1.5)) found.add(`${box.className || box.tagName} cuts in width: ${text.slice(0, 60)}`);
          if (!canScrollY.is && (clips(style.overflowY) || isButton) && (rect.top < edge.top - 4 || rect.bottom > edge.bottom + 4)) found.add(`${box.className || box.tagName} cuts in height: ${text.slice(0, 60)}`);
          canScrollX.is ||= ['auto', 'scroll'].includes(style.overflowX);
          canScrollY.is ||= ['auto', 'scroll'].includes(style.overflowY);
        }
        const isBeside = !canScrollX.is && (rect.left < -1 || rect.right > window.innerWidth + 1);
        if (isBeside || (!canScrollY.is && (rect.top < -4 || rect.bottom > window.innerHeight + 4))) found.add(`the window cuts: ${text.slice(0, 60)}`);
      }
    }
    return [...found];
  });
}

const kOthers = process.env['THIMBLE_ALL_LANGUAGES'] ? [['ar', 'dark'], ...['es', 'fr', 'it', 'pt', 'nl', 'pl', 'tr', 'zh', 'ja'].map((lang) => [lang, 'light'])] : [];
for (const [lang, theme] of [['en', 'light'], ['de', 'dark'], ['ar', 'light'], ...kOthers] as [string, string][]) {
  test.describe(`${lang}, ${theme}`, () => {
    test.use({ query: `?lang=${lang}&theme=${theme}` });
    test('letters of twice the size', async ({ chat, phone }) => {
      const { page } = chat;
      test.setTimeout(90_000);
      const wrong: string[] = [];
      const look = async (name: string) => {
        await page.waitForTimeout(250);
        await page.screenshot({ path: join(kScreens, `android-large-${lang}-${theme}-${name}.png`) });
        for (const cut of await cutOff(page)) wrong.push(`${name}: ${cut}`);
        for (const found of await violations(page)) wrong.push(`${name}: ${found}`);
        if ((await page.evaluate(() => document.documentElement.scrollWidth)) > 412) wrong.push(`${name}: wider than the phone`);
      };
      const letters = () => page.evaluate(() => ['body', '[data-testid=composer]'].map((name) => parseFloat(getComputedStyle(document.querySelector(name)!).fontSize)));
      const before = await letters();
      await enlarge(page);
      expect(await letters()).toEqual(before.map((size) => 2 * size));
      begin(phone);
      await look('empty');
      await chat.ask('Hello there');
      await lookAtTalk(chat, phone, look);
      growHot(phone);
      beginImport(phone);
      await page.getByTestId('models-link').click();
      await expect(page.getByTestId('page-models')).toBeVisible();
      await expect(page.locator('.rail.is-open')).toHaveCount(0);
      await lookAtImport(page, look);
      await page.getByTestId('setting-mode').scrollIntoViewIfNeeded();
      await look('mode');
      await lookAtDevice(page, look);
      await lookAtCheck(page, look);
      await goTo(page, 'about');
      await page.locator('details.fold').first().locator('> summary').click();
      await look('about');
      expect(wrong).toEqual([]);
    });
  });
}
