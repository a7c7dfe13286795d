// SPDX-License-Identifier: Apache-2.0
import type { Key } from '../lib/i18n/i18n.svelte';

// The phone's temperature in words, from PowerManager's class; null where the phone does not say.
export function heatOf(thermal: number): Key | null {
  if (!(thermal >= 0)) return null;
  if (thermal >= 4) return 'app.heatTooHot';
  return (['app.heatCool', 'app.heatLight', 'app.heatWarm', 'app.heatHot'] as const)[Math.floor(thermal)]!;
}
