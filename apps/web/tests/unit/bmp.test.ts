// SPDX-License-Identifier: Apache-2.0
// @vitest-environment node
import { describe, expect, it } from 'vitest';
import { BmpWriter } from '../../src/lib/pictures/bmp';
import { sizeFromHead } from '../../src/lib/pictures/size';
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
});
