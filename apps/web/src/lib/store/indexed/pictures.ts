// SPDX-License-Identifier: Apache-2.0
// Files of pictures: their names, and what they are by their first bytes. What a browser was told they are is not asked.

export const kMostPictureBytes = 256 * 1024 * 1024;

export async function sha256Of(bytes: BufferSource): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// null: no picture that an engine or a browser reads.
export function mediaTypeOf(bytes: Uint8Array): string | null {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (text(0, 4) === '\x89PNG') return 'image/png';
  if (text(0, 3) === '\xff\xd8\xff') return 'image/jpeg';
  if (text(0, 4) === 'GIF8') return 'image/gif';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'image/webp';
  if (text(0, 2) === 'BM' && bytes.length > 26) return 'image/bmp';
  if (text(4, 8) !== 'ftyp') return null;
  if (/^avi[fs]/.test(text(8, 12))) return 'image/avif';
  return /^(hei[cxms]|hev[cxms]|mif1|msf1)/.test(text(8, 12)) ? 'image/heic' : null;
}
