// SPDX-License-Identifier: Apache-2.0
// What the first bytes of a file say: whether it is a video under another name, and how large a picture is, before
// anything decodes it. The service has the last word.
import { sizeOf, sizeFromHead } from './size';

export interface Head {
  isVideo: boolean;
  width: number; // as stored; 0: not known
  height: number;
}

const kHeadBytes = 4096; // for all but the size
const kPictureBrands = /^(heic|heix|heim|heis|hevc|hevx|mif1|mif2|msf1|avif|avis|jxl )/;

export async function headOf(file: Blob): Promise<Head> {
  const head = readHead(new Uint8Array(await file.slice(0, kHeadBytes).arrayBuffer()));
  return { ...head, ...(head.isVideo ? null : await sizeOf(file)) };
}

export function readHead(bytes: Uint8Array): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isText = (at: number, text: string) => at + text.length <= bytes.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  const video = { isVideo: true, width: 0, height: 0 };
  if (bytes.length >= 16) {
    if (isText(4, 'ftyp') && !kPictureBrands.test(String.fromCharCode(...bytes.subarray(8, 12)))) return video;
    if (isText(4, 'moov') || isText(4, 'mdat') || view.getUint32(0) === 0x1a45dfa3) return video; // QuickTime; Matroska, WebM
    if (isText(0, 'RIFF') && isText(8, 'AVI ')) return video;
  }
  return { isVideo: false, ...(sizeFromHead(bytes) ?? { width: 0, height: 0 }) };
}
