// SPDX-License-Identifier: Apache-2.0
// What the first bytes of a file say: whether it is a video under another name, and how large a picture is, before
// anything decodes it. The service has the last word.
export interface Head {
  isVideo: boolean;
  width: number; // as stored; 0: not known
  height: number;
}

// Photos have previews and colour profiles before their size.
const kHeadBytes = 512 * 1024;
const kPictureBrands = /^(heic|heix|heim|heis|hevc|hevx|mif1|mif2|msf1|avif|avis|jxl )/;

export async function headOf(file: Blob): Promise<Head> {
  return readHead(new Uint8Array(await file.slice(0, kHeadBytes).arrayBuffer()));
}

export function readHead(bytes: Uint8Array): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isText = (at: number, text: string) => at + text.length <= bytes.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
  const sized = (width: number, height: number): Head => ({ isVideo: false, width, height });
  const unknown = (isVideo = false): Head => ({ isVideo, width: 0, height: 0 });
  if (bytes.length < 16) return unknown();
  if (isText(4, 'ftyp')) return unknown(!kPictureBrands.test(String.fromCharCode(...bytes.subarray(8, 12))));
  if (isText(4, 'moov') || isText(4, 'mdat') || view.getUint32(0) === 0x1a45dfa3) return unknown(true); // QuickTime; Matroska, WebM
  if (isText(0, 'RIFF') && isText(8, 'AVI ')) return unknown(true);
  if (isText(1, 'PNG\r\n') && bytes.length >= 24) return sized(view.getUint32(16), view.getUint32(20));
  if (isText(0, 'GIF8')) return sized(view.getUint16(6, true), view.getUint16(8, true));
  if (isText(0, 'BM') && bytes.length >= 26) return sized(Math.abs(view.getInt32(18, true)), Math.abs(view.getInt32(22, true)));
  return view.getUint16(0) === 0xffd8 ? jpegHead(view) : unknown();
}

// The size stands in the first frame's header.
function jpegHead(view: DataView): Head {
  for (let at = 2; at + 9 < view.byteLength; ) {
    if (view.getUint8(at) !== 0xff) break;
    const kind = view.getUint8(at + 1);
    if (kind === 0xff) {
      at++; // a filler
      continue;
    }
    const isFrame = kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc;
    if (isFrame) return { isVideo: false, width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    at += 2 + view.getUint16(at + 2);
  }
  return { isVideo: false, width: 0, height: 0 };
}
