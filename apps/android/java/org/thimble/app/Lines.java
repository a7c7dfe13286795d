// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.json.JSONObject;

/**
 * The form in which the app and its child talk: one JSON object a line, UTF-8; a line that says "bytes": N is followed by N raw
 * bytes and a line end. docs/android.md has what the objects mean.
 */
final class Lines {
  static final int MOST_LINE = 1 << 20;
  /** Of one frame: a kept picture of 64 MiB, or a whole conversation, comes as one. */
  static final int MOST_BYTES = 96 << 20;

  private static final byte[] NOTHING = {};

  private Lines() {}

  static final class Frame {
    final JSONObject head;
    /** What followed the line; empty where it said nothing of bytes. */
    final byte[] bytes;

    Frame(JSONObject head, byte[] bytes) {
      this.head = head;
      this.bytes = bytes;
    }
  }

  /** One reader a stream; not for several threads at once. */
  static final class Reader {
    private final InputStream in;

    Reader(InputStream in) {
      this.in = new BufferedInputStream(in, 1 << 16);
    }

    /** The next frame, null at the end of the stream. IOException for what is no frame: nothing can be read behind it. */
    Frame next() throws IOException {
      byte[] line = readLine();
      if (line == null) return null;
      JSONObject head = Json.parse(new String(line, StandardCharsets.UTF_8));
      return new Frame(head, head.has("bytes") ? readBytes(head) : NOTHING);
    }

    private byte[] readLine() throws IOException {
      ByteArrayOutputStream line = new ByteArrayOutputStream(256);
      for (int c; (c = in.read()) != '\n'; ) {
        if (c < 0) {
          if (line.size() == 0) return null;
          throw new EOFException("the stream ended in a line");
        }
        if (line.size() == MOST_LINE) throw new IOException("a line has more than " + MOST_LINE + " bytes");
        line.write(c);
      }
      return line.toByteArray();
    }

    private byte[] readBytes(JSONObject head) throws IOException {
      Object said = head.opt("bytes");
      boolean isWhole = said instanceof Integer || said instanceof Long;
      long count = isWhole ? ((Number) said).longValue() : -1;
      if (count < 0 || count > MOST_BYTES) throw new IOException("bytes is " + said + ", not a number from 0 to " + MOST_BYTES);
      // Grows as they come: a number alone takes no memory.
      ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) Math.min(count, 1 << 16));
      byte[] piece = new byte[1 << 14];
      for (long left = count; left > 0; ) {
        int got = in.read(piece, 0, (int) Math.min(left, piece.length));
        if (got < 0) throw new EOFException("the stream ended " + left + " bytes before a frame's end");
        bytes.write(piece, 0, got);
        left -= got;
      }
      if (in.read() != '\n') throw new IOException("no line end behind a frame's bytes");
      return bytes.toByteArray();
    }
  }

  /** Writes a frame and flushes; "bytes" is added to the head where there are bytes. Whole frames of several threads do not mix. */
  static void write(OutputStream out, JSONObject head, byte[] bytes) throws IOException {
    if (bytes != null) Json.put(head, "bytes", bytes.length);
    byte[] line = head.toString().getBytes(StandardCharsets.UTF_8);
    if (line.length > MOST_LINE) throw new IOException("a line has more than " + MOST_LINE + " bytes");
    synchronized (out) {
      out.write(line);
      out.write('\n');
      if (bytes != null) {
        out.write(bytes);
        out.write('\n');
      }
      out.flush();
    }
  }
}
