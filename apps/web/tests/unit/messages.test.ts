// SPDX-License-Identifier: Apache-2.0
// No string is missing, unused, or without a plural form that its language has.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseLanguage, kLanguages, say, type Key } from '../../src/lib/i18n/i18n.svelte';

type Message = string | Record<string, string>;
const src = join(import.meta.dirname, '../../src');
const read = (name: string) => JSON.parse(readFileSync(join(src, 'messages', name), 'utf8')) as Record<string, Message>;
const english = read('en.json');
const files = readdirSync(join(src, 'messages')).filter((name) => name.endsWith('.json'));

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'messages' ? [] : sources(path);
    return /\.(ts|svelte)$/.test(entry.name) ? [readFileSync(path, 'utf8')] : [];
  });
}

const texts = (message: Message) => (typeof message === 'string' ? [message] : Object.values(message));
const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join();

describe('messages', () => {
  it('are there in every language of the list, and in no other', () => {
    expect(files.map((name) => name.replace('.json', '')).sort()).toEqual(Object.keys(kLanguages).sort());
  });

  it('are all used, and all that is used is there', () => {
    const code = sources(src).join('\n');
    const used = new Set([...code.matchAll(/'([a-z]+\.[a-zA-Z]+)'/g)].map(([, key]) => key!));
    expect(Object.keys(english).filter((key) => !used.has(key)), 'unused').toEqual([]);
    const called = [...code.matchAll(/\bt\(\s*'([^']+)'/g)].map(([, key]) => key!);
    expect(called.filter((key) => !(key in english)), 'missing').toEqual([]);
  });

  for (const file of files) {
    const language = file.replace('.json', '');
    it(`${language} is complete`, () => {
      const messages = read(file);
      expect(Object.keys(messages).sort()).toEqual(Object.keys(english).sort());
      const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
      for (const [key, message] of Object.entries(messages)) {
        const wanted = placeholders(texts(english[key]!).at(-1)!);
        if (typeof english[key] === 'string') expect(typeof message, key).toBe('string');
        else expect(Object.keys(message).sort(), key).toEqual([...forms].sort());
        for (const text of texts(message)) {
          expect(text.trim(), key).not.toBe('');
          // A form for exactly one or two may leave the number out.
          if (typeof message === 'string') expect(placeholders(text), `${language} ${key}`).toBe(wanted);
          else expect(wanted.includes(placeholders(text).replace('{n}', '')), `${language} ${key}: ${text}`).toBe(true);
          expect(text, key).not.toMatch(/[!！¡]|[\u{1f300}-\u{1faff}]/u);
        }
      }
    });
    if (language !== 'en') {
      it(`${language} is translated`, () => {
        const messages = read(file);
        const same = Object.keys(english).filter((key) => texts(english[key]!).some((text) => text.replace(/{\w+}/g, '').length > 12 && texts(messages[key]!).includes(text)));
        expect(same).toEqual([]);
      });
    }
  }

  it('have numbers and plurals of their language', () => {
    expect(say(read('en.json'), 'en', 'meter.tokens' as Key, { n: 1 })).toBe('1 token');
    expect(say(read('en.json'), 'en', 'meter.tokens' as Key, { n: 2310 })).toBe('2,310 tokens');
    expect(say(read('pl.json'), 'pl', 'meter.tokens' as Key, { n: 3 })).not.toBe(say(read('pl.json'), 'pl', 'meter.tokens' as Key, { n: 5 }).replace('5', '3'));
  });

  it('are chosen by the languages of the browser', () => {
    expect(chooseLanguage(['gsw', 'de-CH', 'en'])).toBe('de');
    expect(chooseLanguage(['pt-BR'])).toBe('pt');
    expect(chooseLanguage(['zh-Hans-CN'])).toBe('zh');
    expect(chooseLanguage(['tlh'])).toBe('en');
  });
});
