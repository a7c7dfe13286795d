// SPDX-License-Identifier: Apache-2.0
// The page's words. One JSON file a language in src/messages; English's keys are the type, English is what others fall
// back to. A message is a text, or one for each plural category of its language, chosen by `n`.
import en from '../../messages/en.json';

export type Key = keyof typeof en;
type Message = string | Partial<Record<Intl.LDMLPluralRule, string>>;
type Messages = Partial<Record<Key, Message>>;
export type Values = Record<string, string | number>;

export const kLanguages: Record<string, string> = {
  en: 'English', de: 'Deutsch', es: 'Español', fr: 'Français', it: 'Italiano', pt: 'Português', nl: 'Nederlands', pl: 'Polski',
  tr: 'Türkçe', zh: '简体中文', ja: '日本語', ar: 'العربية',
};

const loaders = import.meta.glob<{ default: Messages }>(['../../messages/*.json', '!../../messages/en.json']);

// The language of ours that fits best: an exact one, or the one of the same base ("pt-BR": pt).
export function chooseLanguage(wanted: readonly string[]): string {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split('-')[0]!;
    if (base in kLanguages) return base;
  }
  return 'en';
}

export function say(messages: Messages, language: string, key: Key, values: Values = {}): string {
  const message: Message = messages[key] ?? en[key];
  let text: string;
  if (typeof message === 'string') text = message;
  else text = message[new Intl.PluralRules(language).select(Number(values['n'] ?? 0))] ?? message.other ?? '';
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
  });
}

class Language {
  code = $state('en');
  private messages = $state.raw<Messages>(en);

  // Arabic is written from the right.
  get direction(): 'ltr' | 'rtl' {
    return this.code === 'ar' ? 'rtl' : 'ltr';
  }

  async use(code: string): Promise<void> {
    const load = loaders[`../../messages/${code}.json`];
    try {
      this.messages = code === 'en' || !load ? en : (await load()).default;
      this.code = code in kLanguages ? code : 'en';
    } catch {
      this.messages = en;
      this.code = 'en';
    }
    // Which signs a font shows for the same letter goes by it: those of the mainland here.
    document.documentElement.lang = this.code === 'zh' ? 'zh-Hans' : this.code;
    document.documentElement.dir = this.direction;
  }

  say(key: Key, values?: Values): string {
    return say(this.messages, this.code, key, values);
  }
}

export const language = new Language();

export function t(key: Key, values?: Values): string {
  return language.say(key, values);
}
