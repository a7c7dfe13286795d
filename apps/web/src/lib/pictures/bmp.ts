// SPDX-License-Identifier: Apache-2.0
// 24-bit BMP: what the engine in the browser takes for a picture, since it decodes nothing else.

const kHead = 54;
const kPerMetre = 2835; // pixels; 72 an inch

export class BmpWriter {
  readonly bytes: Uint8Array<ArrayBuffer>;
  private readonly stride: number;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.stride = Math.ceil((width * 3) / 4) * 4;
    const size = kHead + this.stride * height;
    this.bytes = new Uint8Array(size);
    const head = new DataView(this.bytes.buffer);
    head.setUint16(0, 0x424d); // "BM"
    head.setUint32(2, size, true);
    head.setUint32(10, kHead, true);
    head.setUint32(14, 40, true);
    head.setInt32(18, width, true);
    head.setInt32(22, height, true); // from the bottom up
    head.setUint16(26, 1, true);
    head.setUint16(28, 24, true);
    head.setUint32(34, size - kHead, true);
    head.setInt32(38, kPerMetre, true);
    head.setInt32(42, kPerMetre, true);
  }

  // `rgba` has whole rows from row `top` on, not premultiplied. What is transparent becomes white, on purpose: a drawing
  // without a background is meant for paper.
  addRows(top: number, rgba: Uint8ClampedArray): void {
    const { width, height, stride, bytes } = this;
    const rows = rgba.length / (4 * width);
    for (let row = 0; row < rows; row++) {
      let from = row * width * 4;
      let to = kHead + (height - 1 - top - row) * stride;
      for (let column = 0; column < width; column++, from += 4, to += 3) {
        const alpha = rgba[from + 3]!;
        bytes[to] = onWhite(rgba[from + 2]!, alpha);
        bytes[to + 1] = onWhite(rgba[from + 1]!, alpha);
        bytes[to + 2] = onWhite(rgba[from]!, alpha);
      }
    }
  }
}

function onWhite(colour: number, alpha: number): number {
  return alpha === 255 ? colour : Math.round((colour * alpha + 255 * (255 - alpha)) / 255);
}
