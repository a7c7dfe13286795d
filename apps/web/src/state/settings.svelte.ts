// SPDX-License-Identifier: Apache-2.0
// Settings: kept by the service, so that every browser has them; theme and language also here, for the first paint.
import { chooseLanguage, kLanguages, language } from '../lib/i18n/i18n.svelte';
import type { Detail } from '../lib/store/types';
import { keptStore } from './session';

export interface Values {
  theme: 'system' | 'light' | 'dark';
  language: string; // empty: the browser's
  length: 'short' | 'normal' | 'long';
  thinking: boolean;
  detail: Detail;
  instructions: string;
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  seed: number | null;
  maxTokens: number | null;
  enterSends: boolean;
  mode: 'cool' | 'balanced' | 'fast'; // of the phone, where an app carries this page
}

export const kDefaults: Values = {
  theme: 'system', language: '', length: 'normal', thinking: false, detail: 'auto', instructions: '', temperature: null, topP: null,
  topK: null, seed: null, maxTokens: null, enterSends: true, mode: 'balanced',
};

const kName = 'thimble:settings';

// What is of the right kind is taken; everything else stays as it was.
export function mergeSettings(into: Values, from: Record<string, unknown>): Values {
  const merged: Record<string, unknown> = { ...into };
  for (const [key, fallback] of Object.entries(kDefaults)) {
    const value = from[key];
    const isNumber = fallback === null && (value === null || (typeof value === 'number' && Number.isFinite(value)));
    if (value !== undefined && (isNumber || (fallback !== null && typeof value === typeof fallback))) merged[key] = value;
  }
  return merged as unknown as Values;
}

class Settings {
  values = $state<Values>({ ...kDefaults });
  isLoaded = $state(false); // what is kept has come, or is not there
  private forOnce: { theme?: string; language?: string } = {};
  private saving: Promise<void> = Promise.resolve();

  // From this browser, at once; `?lang=xx` and `?theme=dark` hold for this load.
  async start(): Promise<void> {
    const query = new URLSearchParams(window.location.search);
    const theme = query.get('theme');
    const wanted = query.get('lang');
    if (theme === 'dark' || theme === 'light') this.forOnce.theme = theme;
    if (wanted && wanted in kLanguages) this.forOnce.language = wanted;
    try {
      this.values = mergeSettings(this.values, JSON.parse(window.localStorage.getItem(kName) ?? '{}') as Record<string, unknown>);
    } catch {
      // No storage, or not ours.
    }
    await this.apply();
  }

  async load(): Promise<void> {
    try {
      this.values = mergeSettings(this.values, await keptStore.settings());
      await this.apply();
    } catch {
      // The service keeps none: this browser's hold.
    }
    this.isLoaded = true;
  }

  set<K extends keyof Values>(key: K, value: Values[K]): void {
    this.values[key] = value;
    if (key === 'theme') delete this.forOnce.theme;
    if (key === 'language') delete this.forOnce.language;
    void this.apply();
    try {
      const { theme, language: code } = this.values;
      window.localStorage.setItem(kName, JSON.stringify({ theme, language: code }));
    } catch {
      // Then for this load only.
    }
    // One behind the other, so that the last one stays.
    const values = { ...this.values };
    this.saving = this.saving.then(() => keptStore.setSettings(values)).catch(() => undefined);
  }

  private async apply(): Promise<void> {
    const theme = this.forOnce.theme ?? this.values.theme;
    if (theme === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
    const code = this.forOnce.language ?? (this.values.language || chooseLanguage(navigator.languages));
    if (code !== language.code || document.documentElement.dir === '') await language.use(code);
  }
}

export const settings = new Settings();
