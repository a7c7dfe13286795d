// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/** Turns bytes of UTF-8 that come in pieces into text, cut at whole characters: what is half there waits for the next piece. */
final class TextPieces {
  private final CharsetDecoder decoder =
      StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPLACE).onUnmappableCharacter(CodingErrorAction.REPLACE);
  private byte[] waiting = {};

  /** The whole characters that are there now; what is no UTF-8 becomes U+FFFD. */
  String take(byte[] bytes) {
    return decode(bytes, false);
  }

  /** What is left at the end: a character that never became whole is one U+FFFD. */
  String end() {
    return decode(new byte[0], true);
  }

  private String decode(byte[] bytes, boolean isEnd) {
    byte[] all = new byte[waiting.length + bytes.length];
    System.arraycopy(waiting, 0, all, 0, waiting.length);
    System.arraycopy(bytes, 0, all, waiting.length, bytes.length);
    ByteBuffer in = ByteBuffer.wrap(all);
    CharBuffer out = CharBuffer.allocate(all.length + 2);
    decoder.decode(in, out, isEnd);
    if (isEnd) {
      decoder.flush(out);
      decoder.reset();
    }
    waiting = new byte[in.remaining()];
    in.get(waiting);
    Buffer written = out; // Android 9 has no flip of CharBuffer's own
    written.flip();
    return out.toString();
  }
}
