// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

/** How much of the phone's memory a model may take, and the sentence where one needs more. Pure: numbers in, words out. */
final class MemoryGate {
  /** Beside the weights: the conversation, activations, a picture. */
  static final long BESIDE_WEIGHTS = 250L << 20;

  /** A model as the list of models has it. */
  static final class Model {
    final String name;
    final long bytes;
    final boolean isBuiltIn;

    Model(String name, long bytes, boolean isBuiltIn) {
      this.name = name;
      this.bytes = bytes;
      this.isBuiltIn = isBuiltIn;
    }
  }

  private MemoryGate() {}

  /**
   * Bytes that the app may take: half of the phone at most (phones of 8 GB end apps at about 4), and no more than is free above where
   * the system begins to end apps. 0: the phone says nothing of its memory.
   */
  static long budget(long totalBytes, long availableBytes, long thresholdBytes) {
    if (totalBytes <= 0) return 0;
    long free = Math.max(0, availableBytes - Math.max(0, thresholdBytes));
    return Math.max(1, Math.min(totalBytes / 2, free));
  }

  static long need(long modelBytes) {
    return modelBytes + BESIDE_WEIGHTS;
  }

  /** Whether it may be opened. The built-in one always may; so may all where nothing is known. */
  static boolean fits(Model model, long budget) {
    return model.isBuiltIn || budget <= 0 || need(model.bytes) <= budget;
  }

  /** The largest other model that fits and is smaller; null: none. */
  static Model smaller(Model than, Model[] all, long budget) {
    Model best = null;
    for (Model one : all) {
      if (one.name.equals(than.name) || one.bytes >= than.bytes || !fits(one, budget)) continue;
      if (best == null || one.bytes > best.bytes) best = one;
    }
    return best;
  }
}
