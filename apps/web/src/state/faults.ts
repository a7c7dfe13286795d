// SPDX-License-Identifier: Apache-2.0
// A fault in the person's language. The service's own sentence (English) stands behind it where it says more.
import { ApiError } from '../lib/transport/transport';
import { carrierKind, type CarrierKind } from '../lib/carrier_kind';
import { t, type Key } from '../lib/i18n/i18n.svelte';

const kByCode: Record<string, Key> = {
  model_is_blind: 'fault.blind',
  context_length_exceeded: 'fault.tooLong',
  picture_not_found: 'fault.pictureGone',
  unreachable: 'fault.unreachable',
  outdated: 'store.outdated',
  newer: 'fault.newer',
  engine_elsewhere: 'engine.elsewhere',
};
const kByStatus: Record<number, Key> = {
  0: 'fault.unreachable',
  401: 'fault.token',
  403: 'fault.token',
  404: 'fault.unknown',
  409: 'fault.busy',
  413: 'fault.tooLarge',
  415: 'fault.kind',
  429: 'fault.queue',
  501: 'fault.noStore',
  503: 'fault.notReady',
  507: 'fault.full',
};
// Where the engine is in the page or in an app there is no server, and no disk that a person sees.
const kOwn: Record<CarrierKind, Partial<Record<Key, Key>>> = {
  server: {},
  browser: { 'fault.unreachable': 'own.unreachable', 'fault.full': 'own.full' },
  android: { 'fault.unreachable': 'app.unreachable', 'fault.full': 'app.full', 'fault.token': 'app.unreachable' },
};
const kTellsAll = new Set([0, 401, 403, 429, 501, 503, 507]);

export function faultText(error: unknown): string {
  if (!(error instanceof ApiError)) return t('fault.other', { message: error instanceof Error ? error.message : String(error) });
  if (error.code === 'refused_by_app') return plain(error.message); // a sentence in the phone's language
  const found = kByCode[error.code] ?? kByStatus[error.status];
  const key = found && (kOwn[carrierKind()][found] ?? found);
  if (!key) return t('fault.other', { message: error.message });
  const more = error.code in kByCode || kTellsAll.has(error.status) ? '' : ` ${plain(error.message)}`;
  return `${t(key)}${more}`.trim();
}

// Why an answer that is kept did not get to its end.
export function answerFault({ error, error_code: code }: { error?: string; error_code?: string }): string {
  if (code && code in kByCode) return t(kByCode[code]!);
  return error ? plain(error) : t('finish.failed');
}

export function ownSentence(error: ApiError): string {
  return plain(error.message);
}

// "[place] rule, found value; what to do": the place is for programmers.
function plain(message: string): string {
  return message.replace(/^\[[^\]]*\] /, '');
}
