// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.Context;
import android.text.format.Formatter;

/** The sentences that the app itself says, in the person's language. */
final class Sentences {
  private final Context context;

  Sentences(Context context) {
    this.context = context;
  }

  String say(int sentence, Object... values) {
    return context.getString(sentence, values);
  }

  /** "1.4 GB", as the system writes sizes. */
  String size(long bytes) {
    return Formatter.formatShortFileSize(context, bytes);
  }

  String engineCannotStart(String why) {
    return say(R.string.engine_cannot_start, why);
  }

  String engineIsNotRunning() {
    return say(R.string.engine_not_running);
  }

  String engineDied(int status, String why) {
    return say(R.string.engine_died, why.isEmpty() ? Integer.toString(status) : why);
  }

  String openingEndedTheApp(String model, String smaller) {
    String said = say(R.string.opening_ended, model);
    return smaller.isEmpty() ? said : said + " " + say(R.string.smaller_may_fit, smaller);
  }

  String needsMoreMemory(String model, long needed, long budget, String smaller) {
    String said = say(R.string.needs_memory, model, size(needed), size(budget));
    return smaller.isEmpty() ? said : said + " " + say(R.string.smaller_may_fit, smaller);
  }
}
