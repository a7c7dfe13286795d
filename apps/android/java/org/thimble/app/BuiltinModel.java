// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.res.AssetManager;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;

/**
 * The model in the package, as a file: the child maps what it computes with, and what lies in a package is no file for it. Written once
 * for each version of the app.
 */
final class BuiltinModel {
  static final String ASSET = "builtin.gguf";

  private final AssetManager assets;
  private final File folder;
  private final String version;

  BuiltinModel(AssetManager assets, File folder, String version) {
    this.assets = assets;
    this.folder = folder;
    this.version = version;
  }

  /** Null: the package has none, or there is no room for it; the app does without. */
  File get() {
    File file = new File(folder, "builtin-" + version.replaceAll("[^A-Za-z0-9.]", "-") + ".gguf");
    if (file.isFile()) return file;
    File next = new File(folder, "next");
    try (InputStream in = assets.open(ASSET)) {
      File[] before = folder.listFiles();
      for (File old : before == null ? new File[0] : before) old.delete();
      Files.copy(in, next.toPath(), StandardCopyOption.REPLACE_EXISTING);
      // The name comes last: a file that has it is whole.
      Files.move(next.toPath(), file.toPath(), StandardCopyOption.ATOMIC_MOVE);
      return file;
    } catch (IOException none) {
      next.delete();
      return null;
    }
  }
}
