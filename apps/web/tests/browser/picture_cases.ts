// SPDX-License-Identifier: Apache-2.0
// Pictures of all kinds, the pixels that the project's decoders (libjpeg-turbo, libpng ...) make of them, and how far a
// browser's may be from those.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chunk, makePng } from '../e2e/png.ts';

const kTop = join(import.meta.dirname, '../../../..');
export const kDecoder = process.env['THIMBLE_DECODED_PIXELS'] ?? join(kTop, 'build/tests/decoded_pixels');

export function hasDecoder(): boolean {
  return existsSync(kDecoder);
}

// What the page tells of one picture.
export interface Compared {
  name: string;
  sizes: [number, number][]; // the page's, the decoder's
  most: number; // of the differences, 0 to 255; -1: the sizes differ
  mean: number;
  fault?: string;
}

const s15f16 = (value: number) => Math.round(value * 65536);

// A colour profile of three primaries and a gamma: red, green and blue change places in it, so that a picture that is
// converted by it looks nothing like itself.
function profile(): Buffer {
  const parts: [string, Buffer][] = [];
  const xyz = (...values: number[]) => {
    const data = Buffer.alloc(20);
    data.write('XYZ ');
    values.forEach((value, i) => data.writeInt32BE(s15f16(value), 8 + 4 * i));
    return data;
  };
  const curve = Buffer.alloc(16);
  curve.write('curv');
  curve.writeUInt32BE(1, 8);
  curve.writeUInt16BE(Math.round(1.8 * 256), 12);
  const words = (kind: string, text: string) => {
    const data = Buffer.alloc(kind === 'text' ? 8 + text.length + 1 : 12 + text.length + 1 + 78);
    data.write(kind);
    if (kind === 'desc') data.writeUInt32BE(text.length + 1, 8);
    data.write(text, kind === 'text' ? 8 : 12);
    return data;
  };
  parts.push(['desc', words('desc', 'turned')], ['cprt', words('text', 'none')], ['wtpt', xyz(0.9642, 1, 0.8249)]);
  parts.push(['rXYZ', xyz(0.1431, 0.0606, 0.7139)], ['gXYZ', xyz(0.4361, 0.2225, 0.0139)], ['bXYZ', xyz(0.385, 0.7169, 0.0971)]);
  for (const name of ['rTRC', 'gTRC', 'bTRC']) parts.push([name, curve]);
  const table = Buffer.alloc(4 + 12 * parts.length);
  table.writeUInt32BE(parts.length);
  const body: Buffer[] = [];
  let at = 128 + table.length;
  parts.forEach(([name, data], i) => {
    const padded = Buffer.concat([data, Buffer.alloc((4 - (data.length % 4)) % 4)]);
    table.write(name, 4 + 12 * i);
    table.writeUInt32BE(at, 8 + 12 * i);
    table.writeUInt32BE(data.length, 12 + 12 * i);
    body.push(padded);
    at += padded.length;
  });
  const head = Buffer.alloc(128);
  head.writeUInt32BE(at);
  head.writeUInt32BE(0x02100000, 8);
  head.write('mntrRGB XYZ ', 12);
  head.writeUInt16BE(2026, 24);
  head.writeUInt16BE(1, 26);
  head.writeUInt16BE(1, 28);
  head.write('acsp', 36);
  [0.9642, 1, 0.8249].forEach((value, i) => head.writeInt32BE(s15f16(value), 68 + 4 * i));
  return Buffer.concat([head, table, ...body]);
}

function jpegWith(jpeg: Buffer, icc: Buffer): Buffer {
  const data = Buffer.concat([Buffer.from('ICC_PROFILE\0\x01\x01', 'latin1'), icc]);
  const segment = Buffer.from([0xff, 0xe2, (data.length + 2) >> 8, (data.length + 2) & 255]);
  return Buffer.concat([jpeg.subarray(0, 2), segment, data, jpeg.subarray(2)]);
}

// Behind the header, which has 33 bytes with the signature.
const pngWith = (png: Buffer, ...more: Buffer[]) => Buffer.concat([png.subarray(0, 33), ...more, png.subarray(33)]);

// Writes the pictures and their pixels (NAME.rgb) into a folder, and gives the pictures' paths.
export async function makePictureCases(folder: string, fixtures: string): Promise<string[]> {
  const { deflateSync } = await import('node:zlib');
  const images = join(fixtures, 'vision/images');
  for (const name of readdirSync(images)) copyFileSync(join(images, name), join(folder, name));
  const cases = JSON.parse(readFileSync(join(kTop, 'tests/data/image/decode_cases.json'), 'utf8')) as { decoded: { name: string; file: string }[] };
  for (const { name, file } of cases.decoded) {
    const kind = name.split('_')[0]!;
    if (['png', 'jpeg', 'webp', 'gif'].includes(kind)) writeFileSync(join(folder, `${name}.${kind === 'jpeg' ? 'jpg' : kind}`), Buffer.from(file, 'hex'));
  }
  const icc = profile();
  const png = makePng(96, 64);
  writeFileSync(join(folder, 'profile.jpg'), jpegWith(readFileSync(join(images, 'baseline.jpg')), icc));
  writeFileSync(join(folder, 'profile.png'), pngWith(png, chunk('iCCP', Buffer.concat([Buffer.from('turned\0\0', 'latin1'), deflateSync(icc)]))));
  writeFileSync(join(folder, 'gamma.png'), pngWith(png, chunk('gAMA', Buffer.from([0, 1, 0x86, 0xa0])))); // 1.0
  const paths = readdirSync(folder).sort().map((name) => join(folder, name));
  execFileSync(kDecoder, paths, { stdio: ['ignore', 'ignore', 'inherit'] });
  return paths;
}

interface Bound {
  most: number;
  mean: number;
}
const kEqual: Bound = { most: 0, mean: 0 };

// Of pictures with half transparent pixels: browsers multiply and divide by the opacity in eight bits.
const kAlpha = /alpha|rgba|type[46]|webp_animated|half_transparent/;
const kBounds: Record<string, { alpha: Bound; sixteenBits: Bound; halved: Bound }> = {
  chromium: { alpha: kEqual, sixteenBits: kEqual, halved: { most: 1, mean: 0.4 } },
  firefox: { alpha: { most: 3, mean: 0.5 }, sixteenBits: { most: 1, mean: 0.4 }, halved: { most: 27, mean: 1.9 } },
  webkit: { alpha: { most: 1, mean: 0.6 }, sixteenBits: kEqual, halved: { most: 2, mean: 0.5 } },
};

// Seen in another way by browsers than by the decoders, on purpose or not; docs/numerics.md tells of them.
const kOtherwise: Record<string, RegExp> = {
  // 16 bits of gray are cut off at 255, as the reference does it; EXIF data of a PNG behind its pixels, and those of WebP.
  all: /^(gray16|png_type0_16bit(_interlaced)?|png_exif_after|webp_exif6)\./,
  chromium: /^png_palette_index_beyond\./, // a broken file
  firefox: /^gif_(on|beyond)_canvas\./, // the frame alone
  webkit: /^(gif_(on|beyond)_canvas|png_exif_before)\./,
};

// What is wrong with the pictures that a browser's page has compared; empty: nothing.
export function judgePictures(compared: Compared[], browser: string): string[] {
  const { alpha, sixteenBits } = kBounds[browser]!;
  const asked = compared.filter(({ name }) => !kOtherwise['all']!.test(name) && !kOtherwise[browser]!.test(name));
  const wrong = asked.flatMap((one) => {
    const bound = kAlpha.test(one.name) ? alpha : /16bit/.test(one.name) ? sixteenBits : kEqual;
    return judge(one, bound);
  });
  return asked.length >= 94 ? wrong : [...wrong, `only ${asked.length} pictures were compared`];
}

// Those that were made smaller on the way.
export const kHalved = ['exif6.jpg', 'rgb.png', 'rgba.png', 'wide.png'];
export const kMostInHalved = 2000; // pixels
export function judgeHalved(compared: Compared[], browser: string): string[] {
  const halved = compared.filter(({ name, sizes }) => kHalved.includes(name) && sizes[0]![0] * 2 === sizes[1]![0] && sizes[0]![1] * 2 === sizes[1]![1]);
  const wrong = halved.flatMap((one) => judge(one, kBounds[browser]!.halved));
  return halved.length === kHalved.length ? wrong : [...wrong, `only ${halved.length} pictures were halved`];
}

function judge({ name, sizes, most, mean, fault }: Compared, bound: Bound): string[] {
  if (!fault && most >= 0 && most <= bound.most && mean <= bound.mean) return [];
  return [`${name} (${sizes.join(' for ')}): ${fault ?? `differs by ${most}, on average by ${mean.toFixed(3)}`}`];
}
