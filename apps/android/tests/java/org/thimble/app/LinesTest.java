// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.json.JSONObject;
import org.junit.Test;

public class LinesTest {
  private static Lines.Reader reader(byte[] bytes) {
    return new Lines.Reader(new ByteArrayInputStream(bytes));
  }

  private static Lines.Reader reader(String text) {
    return reader(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void refuses(String text, String part) {
    IOException fault = assertThrows(IOException.class, () -> reader(text).next());
    assertTrue(fault.getMessage(), fault.getMessage().contains(part));
  }

  @Test
  public void whatIsWrittenIsReadAgain() throws IOException {
    byte[] bytes = {0, '\n', '{', -1, 13};
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Lines.write(out, Json.of("part", 7), bytes);
    Lines.write(out, Json.of("log", "note", "text", "grüß dich\n\"日本\""), null);
    Lines.write(out, Json.of("part", 8), new byte[0]);
    Lines.Reader in = reader(out.toByteArray());
    Lines.Frame first = in.next();
    assertEquals(7, first.head.optLong("part"));
    assertArrayEquals(bytes, first.bytes);
    Lines.Frame second = in.next();
    assertEquals("grüß dich\n\"日本\"", second.head.optString("text"));
    assertEquals(0, second.bytes.length);
    assertEquals(8, in.next().head.optLong("part"));
    assertNull(in.next());
  }

  @Test
  public void linesAreBounded() throws IOException {
    char[] fill = new char[Lines.MOST_LINE - 8];
    Arrays.fill(fill, 'x');
    String longest = "{\"a\":\"" + new String(fill) + "\"}";
    assertEquals(Lines.MOST_LINE, longest.length());
    assertEquals(fill.length, reader(longest + "\n").next().head.optString("a").length());
    refuses("{\"a\":\"x" + new String(fill) + "\"}\n", "a line has more than");
    JSONObject tooLong = Json.of("a", "x" + new String(fill));
    assertThrows(IOException.class, () -> Lines.write(new ByteArrayOutputStream(), tooLong, null));
  }

  @Test
  public void aLineThatNeverEndsTakesNoMoreThanItsBound() {
    InputStream endless =
        new InputStream() {
          @Override
          public int read() {
            return 'x';
          }
        };
    assertThrows(IOException.class, () -> new Lines.Reader(endless).next());
  }

  @Test
  public void numbersOfBytesAreBounded() {
    refuses("{\"part\":1,\"bytes\":-1}\n", "bytes is -1");
    refuses("{\"part\":1,\"bytes\":" + (Lines.MOST_BYTES + 1) + "}\n", "bytes is");
    refuses("{\"part\":1,\"bytes\":9223372036854775807}\n", "bytes is");
    refuses("{\"part\":1,\"bytes\":1e30}\n", "bytes is");
    refuses("{\"part\":1,\"bytes\":1.5}\n", "bytes is 1.5");
    refuses("{\"part\":1,\"bytes\":\"3\"}\nabc\n", "bytes is 3");
    refuses("{\"part\":1,\"bytes\":null}\n", "bytes is null");
  }

  @Test
  public void brokenFramesAreRefused() {
    assertThrows(EOFException.class, () -> reader("{\"part\":1,\"bytes\":10}\nabc").next());
    refuses("{\"part\":1,\"bytes\":3}\nabcd\n", "no line end");
    refuses("{\"part\":1,\"bytes\":3}\nabc", "no line end");
    assertThrows(EOFException.class, () -> reader("{\"part\":1}").next());
  }

  @Test
  public void whatIsNoObjectIsRefused() {
    refuses("\n", "no JSON object");
    refuses("[1]\n", "no JSON object");
    refuses("{\"a\":\n", "no JSON object");
    refuses("hello\n", "no JSON object");
  }

  @Test
  public void nestingIsBounded() throws IOException {
    StringBuilder deep = new StringBuilder();
    for (int i = 0; i < 500_000; i++) deep.append("[");
    refuses("{\"a\":" + deep + "\n", "nested deeper");
    // Brackets in a text are none.
    assertEquals(100, Json.parse("{\"a\":\"" + deep.substring(0, 99) + "\\\"" + "\"}").optString("a").length());
  }

  @Test
  public void noBytesMakeAnythingButFramesAndIoExceptions() {
    Random random = new Random(1);
    byte[] frame = "{\"part\":1,\"bytes\":4}\nabcd\n{\"log\":\"note\"}\n".getBytes(StandardCharsets.UTF_8);
    int read = 0;
    for (int i = 0; i < 20_000; i++) {
      byte[] changed = frame.clone();
      for (int n = random.nextInt(4); n >= 0; n--) changed[random.nextInt(changed.length)] = (byte) random.nextInt(256);
      try {
        Lines.Reader in = reader(changed);
        while (in.next() != null) read++;
      } catch (IOException refused) {
        // As it should.
      }
    }
    assertTrue("some are still frames", read > 1000);
  }

  @Test
  public void textIsCutAtWholeCharacters() {
    String said = "a é 日本 😀 e\u0301 عربي";
    byte[] bytes = said.getBytes(StandardCharsets.UTF_8);
    for (int size = 1; size < bytes.length; size++) {
      TextPieces pieces = new TextPieces();
      StringBuilder all = new StringBuilder();
      for (int at = 0; at < bytes.length; at += size) {
        String piece = pieces.take(Arrays.copyOfRange(bytes, at, Math.min(at + size, bytes.length)));
        assertEquals("no half of a pair", piece.length(), piece.codePoints().map(Character::charCount).sum());
        assertTrue(piece.isEmpty() || !Character.isHighSurrogate(piece.charAt(piece.length() - 1)));
        all.append(piece);
      }
      all.append(pieces.end());
      assertEquals(said, all.toString());
    }
  }

  @Test
  public void whatIsNoTextIsReplaced() {
    TextPieces pieces = new TextPieces();
    assertEquals("a\uFFFDb", pieces.take(new byte[] {'a', (byte) 0xFF, 'b'}));
    assertEquals("", pieces.take(new byte[] {(byte) 0xE6}));
    assertEquals("\uFFFD", pieces.end());
  }
}
