// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;

/**
 * The model in the package, as a file: the child makes a pack of it, and what lies in a package is no file for it. Written once for each
 * version of the app, and gone when the pack stands: a marker says so from then on. Any thread.
 */
final class BuiltinModel {
  static final String ASSET = "builtin.gguf";

  private final AssetManager assets;
  private final File folder;
  private final String version;

  BuiltinModel(AssetManager assets, File folder, String version) {
    this.assets = assets;
    this.folder = folder;
    this.version = version.replaceAll("[^A-Za-z0-9.]", "-");
  }

  private File file() {
    return new File(folder, "builtin-" + version + ".gguf");
  }

  private File marker() {
    return new File(folder, "packed-" + version);
  }

  /** Null: it is packed already, the package has none, or there is no room for it; the app does without. */
  synchronized File get() {
    if (marker().isFile()) {
      deleteAllBut(marker());
      return null;
    }
    if (file().isFile()) return file();
    File next = new File(folder, "next");
    try (InputStream in = assets.open(ASSET)) {
      folder.mkdirs();
      deleteAllBut(null);
      Files.copy(in, next.toPath(), StandardCopyOption.REPLACE_EXISTING);
      // The name comes last: a file that has it is whole.
      Files.move(next.toPath(), file().toPath(), StandardCopyOption.ATOMIC_MOVE);
      return file();
    } catch (IOException none) {
      next.delete();
      return null;
    }
  }

  /** Whether the child has it as a pack that it can read. If it has not, the file is written again at the next start. */
  synchronized void setPacked(boolean is) {
    if (!is) {
      marker().delete();
      return;
    }
    try {
      Files.write(marker().toPath(), new byte[0]);
      deleteAllBut(marker());
    } catch (IOException full) {
      // No room for a name: the file stays until there is.
    }
  }

  private void deleteAllBut(File kept) {
    File[] files = folder.listFiles();
    for (File file : files == null ? new File[0] : files) if (!file.equals(kept)) file.delete();
  }
}
