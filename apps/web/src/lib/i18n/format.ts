// SPDX-License-Identifier: Apache-2.0
// Numbers, sizes and times in the page's language.
import { language, t } from './i18n.svelte';

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(language.code, { maximumFractionDigits: digits }).format(value);
}

// Seconds: one digit behind the point below ten, two below a tenth.
export function seconds(value: number): string {
  const digits = value < 0.1 ? 2 : value < 10 ? 1 : 0;
  return t('unit.seconds', { value: new Intl.NumberFormat(language.code, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value) });
}

// Of a hundred.
export function percent(value: number): string {
  return new Intl.NumberFormat(language.code, { style: 'percent', maximumFractionDigits: 1 }).format(value / 100);
}

export function bytes(value: number): string {
  const units = ['kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  let step = 0;
  let rest = value / 1000;
  while (rest >= 1000 && step < units.length - 1) {
    rest /= 1000;
    step++;
  }
  return new Intl.NumberFormat(language.code, {
    style: 'unit', unit: units[step], unitDisplay: 'short', maximumFractionDigits: rest < 10 ? 1 : 0,
  }).format(rest);
}

const kDay = 86_400_000;

// When a chat was used last: a time today, a weekday within the week, a date else.
export function when(time: number, now: number): string {
  const date = new Date(time);
  if (now - time < 60_000) return t('when.now');
  if (date.toDateString() === new Date(now).toDateString()) {
    return date.toLocaleTimeString(language.code, { hour: 'numeric', minute: '2-digit' });
  }
  if (now - time < 6 * kDay) return date.toLocaleDateString(language.code, { weekday: 'short' });
  const sameYear = date.getFullYear() === new Date(now).getFullYear();
  return date.toLocaleDateString(language.code, { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) });
}

export function duration(value: number): string {
  if (value < 90) return t('unit.aboutSeconds', { n: Math.max(1, Math.round(value)) });
  return t('unit.aboutMinutes', { n: Math.round(value / 60) });
}
