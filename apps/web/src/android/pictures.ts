// SPDX-License-Identifier: Apache-2.0
// Pictures for the engine of the app. It decodes BMP alone, and a string of the port is held several times on its way, so the
// web view decodes pictures and makes large ones smaller; what it cannot decode, the app gives back as a JPEG.
import { answerOf } from '../engine/made_answer';
import { PictureTransport, type PictureParts } from '../engine/picture_transport';
import { decodeToBmp, kMostWholeOnPhone } from '../lib/pictures/decode';
import { headOf } from '../lib/pictures/head';
import { ApiError, type Transport, type TransportAnswer, type TransportRequest } from '../lib/transport/transport';
import { fileToBase64, fromBase64 } from './base64';
import type { Bridge } from './bridge';

// 2,048 x 1,536: 3,072 tokens of 32 x 32 pixels, which a context of 4,096 has room for beside a question and an answer.
export const kMostSent = 3_145_728;
// Above this the web view does not decode a picture itself: it would take 100 MB at once.
const kMostDecoded = 25_000_000;
const kKept = /^\/thimble\/v1\/pictures\?(?:.*&)?keep=1(?:&|$)/;

// HEIC and AVIF tell their size, too, and not every web view decodes them.
async function isContainer(file: Blob): Promise<boolean> {
  return (await file.slice(4, 8).text()) === 'ftyp';
}

interface Decoded {
  resolve: (file: Blob) => void;
  reject: (error: ApiError) => void;
}

// The app's own decoder.
export class AppDecoder {
  private readonly asked = new Map<number, Decoded>();
  private readonly known = new WeakMap<Blob, Promise<Blob>>();

  constructor(private readonly bridge: Bridge) {
    bridge.onDecoded = ({ id, base64, error }) => {
      const waiting = this.asked.get(id);
      this.asked.delete(id);
      if (!waiting) return;
      try {
        if (base64 === undefined) throw new Error(error ?? 'The app did not say why.');
        waiting.resolve(new Blob([fromBase64(base64)], { type: 'image/jpeg' }));
      } catch (fault) {
        waiting.reject(new ApiError(415, 'picture_unreadable', fault instanceof Error ? fault.message : String(fault)));
      }
    };
    const lose = (message: string) => {
      for (const { reject } of this.asked.values()) reject(new ApiError(0, 'unreachable', message));
      this.asked.clear();
    };
    const before = bridge.onRenewed;
    bridge.onRenewed = () => {
      before();
      lose('The app made its side anew.');
    };
  }

  // The file itself where the web view can decode it, else what the app makes of it.
  readable(file: Blob): Promise<Blob> {
    let found = this.known.get(file);
    if (!found) {
      found = this.look(file);
      this.known.set(file, found);
      // A person may try again.
      found.catch(() => this.known.delete(file));
    }
    return found;
  }

  private async look(file: Blob): Promise<Blob> {
    const { width, height } = await headOf(file);
    if (width * height > kMostDecoded) return this.ask(file).catch((error: ApiError) => Promise.reject(error.status === 0 ? error : new ApiError(413, 'picture_too_large', error.message)));
    // Of a kind that every web view knows: decoding tells the rest.
    if (width > 0 && !(await isContainer(file))) return file;
    try {
      (await createImageBitmap(file)).close();
      return file;
    } catch {
      return this.ask(file);
    }
  }

  private async ask(file: Blob): Promise<Blob> {
    const base64 = await fileToBase64(file);
    const id = this.bridge.newId();
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.bridge.send({ type: 'decode', id, name: file instanceof File ? file.name : '', base64 });
    });
  }
}

export class AppPictures implements Transport {
  private readonly passing: PictureTransport;

  constructor(
    private readonly inner: Transport,
    private readonly decoder: AppDecoder,
    original: PictureParts['original'], // of chats that are not kept
  ) {
    this.passing = new PictureTransport(inner, { decode: (file) => this.bmpOf(file), original });
  }

  // The engine has been started anew: of pictures that are not kept it knows none.
  forget(): void {
    this.passing.forget();
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    if (request.method === 'PUT' && kKept.test(request.path) && request.body instanceof Blob) return this.keep(request, request.body);
    return this.passing.request(request);
  }

  // What is kept is what was sent, under its own name.
  private async keep(request: TransportRequest, file: Blob): Promise<TransportAnswer> {
    try {
      const body = new Blob([await this.bmpOf(file)], { type: 'image/bmp' });
      return await this.inner.request({ ...request, headers: { 'content-type': 'image/bmp' }, body });
    } catch (error) {
      return answerOf(error);
    }
  }

  private async bmpOf(file: Blob): Promise<Uint8Array<ArrayBuffer>> {
    return decodeToBmp(await this.decoder.readable(file), kMostWholeOnPhone, kMostSent);
  }
}
