// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.graphics.Bitmap;
import android.graphics.ImageDecoder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;

/** Pictures that the page's web view cannot decode, or that are too large for it, as JPEG. Not on the main thread: it takes a while. */
final class Pictures {
  /** Larger files are no photographs. */
  static final int MOST_BYTES = 64 << 20;
  /** What a JPEG for the page has at most: more than the engine looks at. */
  static final long MOST_PIXELS = 12_000_000;
  /** What goes to the page as it is. */
  static final int MOST_UNCHANGED = 4 << 20;
  private static final int QUALITY = 92;

  private Pictures() {}

  /** The sides of what is decoded: those of the picture, or smaller in the same proportion. */
  static int[] sides(int width, int height) {
    double pixels = (double) width * height;
    if (pixels <= MOST_PIXELS) return new int[] {width, height};
    double scale = Math.sqrt(MOST_PIXELS / pixels);
    return new int[] {Math.max(1, (int) (width * scale)), Math.max(1, (int) (height * scale))};
  }

  /** Decodes whatever Android knows, turned as its EXIF says. IOException for what is no picture, or too large for memory. */
  static byte[] toJpeg(byte[] file) throws IOException {
    Bitmap bitmap = null;
    try {
      bitmap =
          ImageDecoder.decodeBitmap(
              ImageDecoder.createSource(ByteBuffer.wrap(file)),
              (decoder, info, source) -> {
                int[] sides = sides(info.getSize().getWidth(), info.getSize().getHeight());
                decoder.setTargetSize(sides[0], sides[1]);
                // A bitmap of the graphics processor cannot be read.
                decoder.setAllocator(ImageDecoder.ALLOCATOR_SOFTWARE);
              });
      ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
      if (!bitmap.compress(Bitmap.CompressFormat.JPEG, QUALITY, jpeg)) throw new IOException("no JPEG could be made");
      return jpeg.toByteArray();
    } catch (OutOfMemoryError tooLarge) {
      throw new IOException("there is not enough memory for it", tooLarge);
    } catch (RuntimeException odd) {
      throw new IOException(odd.getMessage(), odd);
    } finally {
      if (bitmap != null) bitmap.recycle();
    }
  }

  /** Whether every web view shows such a file itself. */
  static boolean isKnownToPages(byte[] file) {
    return startsWith(file, 0xFF, 0xD8, 0xFF) || startsWith(file, 0x89, 'P', 'N', 'G') || startsWith(file, 'G', 'I', 'F', '8')
        || (startsWith(file, 'R', 'I', 'F', 'F') && file.length > 12 && file[8] == 'W' && file[9] == 'E' && file[10] == 'B');
  }

  private static boolean startsWith(byte[] file, int... begin) {
    if (file.length < begin.length) return false;
    for (int i = 0; i < begin.length; i++) if ((file[i] & 0xFF) != begin[i]) return false;
    return true;
  }

  /** All of a stream; null where it has more than `most` bytes. */
  static byte[] readAtMost(InputStream in, int most) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    byte[] piece = new byte[1 << 16];
    for (int got; (got = in.read(piece)) >= 0; ) {
      if (all.size() + got > most) return null;
      all.write(piece, 0, got);
    }
    return all.toByteArray();
  }
}
