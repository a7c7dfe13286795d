// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { BmpWriter } from '../../src/lib/pictures/bmp';
import { halvings, seenSize } from '../../src/lib/pictures/bitmap';
import { withoutColours } from '../../src/lib/pictures/colours';
import { kSniffed, sizeFromHead, sizeOf } from '../../src/lib/pictures/size';
import { makePng } from '../e2e/png';

describe('BmpWriter', () => {
  it('writes rows from the bottom up, padded, as blue, green, red', () => {
    const writer = new BmpWriter(3, 2);
    const row = (base: number) => [0, 1, 2].flatMap((x) => [base + x, base + 10 + x, base + 20 + x, 255]);
    writer.addRows(0, new Uint8ClampedArray(row(100)));
    writer.addRows(1, new Uint8ClampedArray(row(150)));
    const data = new DataView(writer.bytes.buffer);
    expect(String.fromCharCode(data.getUint8(0), data.getUint8(1))).toBe('BM');
    expect(data.getUint32(2, true)).toBe(54 + 2 * 12);
    expect([data.getUint32(10, true), data.getUint32(14, true), data.getInt32(18, true), data.getInt32(22, true)]).toEqual([54, 40, 3, 2]);
    expect([data.getUint16(26, true), data.getUint16(28, true), data.getUint32(30, true), data.getUint32(34, true)]).toEqual([1, 24, 0, 24]);
    expect([...writer.bytes.subarray(54)]).toEqual([
      170, 160, 150, 171, 161, 151, 172, 162, 152, 0, 0, 0, 120, 110, 100, 121, 111, 101, 122, 112, 102, 0, 0, 0,
    ]);
  });

  it('puts what is transparent on white', () => {
    const writer = new BmpWriter(3, 1);
    writer.addRows(0, new Uint8ClampedArray([200, 100, 50, 255, 200, 100, 50, 0, 0, 0, 0, 128]));
    expect([...writer.bytes.subarray(54, 63)]).toEqual([50, 100, 200, 255, 255, 255, 127, 127, 127]);
  });
});

describe('sizeFromHead', () => {
  const jpeg = (...segments: number[][]) => new Uint8Array([0xff, 0xd8, ...segments.flat(), ...Array<number>(30).fill(0)]);
  const frame = [0xff, 0xc2, 0, 17, 8, 0x2e, 0xe0, 0x3e, 0x80];
  const bytes = (text: string, ...rest: number[]) => new Uint8Array([...new TextEncoder().encode(text), ...rest, ...Array<number>(30).fill(0)]);

  it('reads the usual kinds', () => {
    expect(sizeFromHead(makePng(640, 480))).toEqual({ width: 640, height: 480 });
    const tables = [0xff, 0xe1, 0, 6, 1, 2, 3, 4, 0xff, 0xff, 0xc4, 0, 3, 9];
    expect(sizeFromHead(jpeg(tables, frame))).toEqual({ width: 16000, height: 12000 });
    expect(sizeFromHead(bytes('GIF89a', 0x40, 1, 0xf0, 0))).toEqual({ width: 320, height: 240 });
    expect(sizeFromHead(bytes('RIFF....WEBPVP8X', 10, 0, 0, 0, 0, 0, 0, 0, 0x7f, 2, 0, 0xdf, 1, 0))).toEqual({ width: 640, height: 480 });
    expect(sizeFromHead(bytes('RIFF....WEBPVP8L', 0, 0, 0, 0, 0x2f, 0x7f, 0xc2, 0x77, 0))).toEqual({ width: 640, height: 480 });
    const bmp = new BmpWriter(7, 5).bytes;
    expect(sizeFromHead(bmp)).toEqual({ width: 7, height: 5 });
  });

  it('does not know what is cut short or another kind', () => {
    expect(sizeFromHead(new Uint8Array(0))).toBeNull();
    expect(sizeFromHead(bytes('....ftypheic'))).toBeNull();
    expect(sizeFromHead(new Uint8Array([0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, ...Array<number>(40).fill(0)]))).toBeNull();
    expect(sizeFromHead(jpeg([0x12, 0x34]))).toBeNull();
    for (let at = 0; at < 25; at++) sizeFromHead(makePng(8, 8).subarray(0, at));
  });

  const box = (kind: string, ...content: number[][]) => {
    const body = content.flat();
    return [0, 0, (body.length + 8) >> 8, (body.length + 8) & 255, ...new TextEncoder().encode(kind), ...body];
  };
  const sized = (width: number, height: number) => box('ispe', [0, 0, 0, 0, 0, 0, width >> 8, width & 255, 0, 0, height >> 8, height & 255]);

  it('takes the largest size of a HEIC, whose tiles and previews have theirs too', () => {
    const heads = box('ftyp', [...new TextEncoder().encode('heic'), 0, 0, 0, 0]);
    const meta = box('meta', [0, 0, 0, 0], box('hdlr', [1, 2, 3]), box('iprp', box('ipco', sized(512, 512), sized(16320, 12240), sized(320, 240))));
    const whole = new Uint8Array([...heads, ...meta]);
    expect(sizeFromHead(whole)).toEqual({ width: 16320, height: 12240 });
    for (let at = 0; at < whole.length; at++) sizeFromHead(whole.subarray(0, at));
    // Boxes of no length, and of one that goes beyond everything.
    expect(sizeFromHead(new Uint8Array([...heads, 0, 0, 0, 1, ...new TextEncoder().encode('meta'), ...Array<number>(40).fill(0)]))).toBeNull();
    expect(sizeFromHead(new Uint8Array([...heads, 0xff, 0xff, 0xff, 0xff, ...new TextEncoder().encode('meta'), ...Array<number>(40).fill(255)]))).toBeNull();
  });

  it('looks behind megabytes that come before the size of a JPEG', async () => {
    const filled = [0xff, 0xe1, 0xff, 0xff];
    const long = (times: number) => new Blob([new Uint8Array([0xff, 0xd8]), ...Array(times).fill(new Uint8Array([...filled, ...Array<number>(0xfffd).fill(7)])) as Uint8Array<ArrayBuffer>[], new Uint8Array(frame), new Uint8Array(30)]);
    expect(long(20).size).toBeGreaterThan(2 * kSniffed);
    for (const times of [0, 1, 7, 8, 9, 20]) expect(await sizeOf(long(times)), `${times}`).toEqual({ width: 16000, height: 12000 });
    expect(await sizeOf(long(20).slice(0, 900_000))).toBeNull();
    expect(await sizeOf(new Blob([new Uint8Array([0xff, 0xd8])]))).toBeNull();
    expect(await sizeOf(new Blob([new Uint8Array(makePng(64, 48))]))).toEqual({ width: 64, height: 48 });
  });
});

describe('pictures that the browser makes smaller', () => {
  it('are turned where the browser turns them', () => {
    const stored = { width: 8000, height: 6000 };
    expect(seenSize(stored, { width: 64, height: 48 })).toEqual(stored);
    expect(seenSize(stored, { width: 64, height: 86 })).toEqual({ width: 6000, height: 8000 });
  });

  it('have their sides halved until they fit', () => {
    expect([40e6, 40e6 + 1, 160e6, 160e6 + 1].map((pixels) => halvings({ width: pixels, height: 1 }, 40e6))).toEqual([0, 1, 1, 2]);
  });
});

describe('withoutColours', () => {
  const without = async (...parts: number[][]) => [...new Uint8Array(await (await withoutColours(new Blob([new Uint8Array(parts.flat())]))).arrayBuffer())];
  const letters = (text: string) => [...new TextEncoder().encode(text)];
  const start = [0xff, 0xd8];
  const jfif = [0xff, 0xe0, 0, 4, 1, 2];
  const icc = [0xff, 0xe2, 0, 18, ...letters('ICC_PROFILE\0'), 1, 1, 9, 9];
  const other = [0xff, 0xe2, 0, 6, ...letters('MPF\0')];
  const pixels = [0xff, 0xda, ...icc, 1, 2, 3];

  it('leaves profiles out of a JPEG, and all else in it', async () => {
    expect(await without(start, icc, jfif, other, icc, icc, pixels)).toEqual([start, jfif, other, pixels].flat());
    expect(await without(start, jfif, pixels)).toEqual([start, jfif, pixels].flat());
    expect(await without(start, jfif, icc.slice(0, 12))).toEqual([start, jfif, icc.slice(0, 12)].flat());
    // One that goes on behind what is read at once, and one that goes beyond the file.
    const long = new Uint8Array(kSniffed + 200);
    for (let at = 2; at + 4 <= kSniffed; at += 65537) long.set([0xff, 0xe1, 0xff, 0xff], at);
    long.set([...start, ...[0xff, 0xe2, 0xff, 0xff], ...letters('ICC_PROFILE\0')]);
    const last = 2 + 7 * 65537;
    long.set([0xff, 0xe2, 0xff, 0xff, ...letters('ICC_PROFILE\0')], last);
    long.fill(5, kSniffed);
    const told = await withoutColours(new Blob([long]));
    expect(told.size).toBe(long.length - 2 * 65537);
    expect(await without(start, [0xff, 0xe2, 0xff, 0xff, ...letters('ICC_PROFILE\0'), 1, 2])).toEqual(start);
  });

  it('leaves out what a PNG says of its colours', async () => {
    const chunk = (kind: string, ...data: number[]) => [0, 0, 0, data.length, ...letters(kind), ...data, 1, 2, 3, 4];
    const head = [0x89, ...letters('PNG\r\n'), 0x1a, 10, ...chunk('IHDR', 1, 2, 3)];
    const rest = [...chunk('PLTE', 1), ...chunk('IDAT', 5), ...chunk('gAMA', 7)];
    expect(await without(head, chunk('gAMA', 1), chunk('iCCP', 4, 5), chunk('sRGB'), rest)).toEqual([...head, ...rest]);
    expect(await without(head, rest)).toEqual([...head, ...rest]);
  });
});
