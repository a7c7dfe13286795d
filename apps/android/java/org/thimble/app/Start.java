// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.Context;
import android.content.SharedPreferences;
import org.json.JSONObject;

/**
 * Whether a model may be opened. What is being opened is written down before; if that is still there at the next start, opening it ended
 * the app or its engine, and it is not opened again unasked: the first request to is refused, with a smaller model's name, and only a
 * second one in the same run of the app, a person's, is let through. So no start ends in the next one's place. Any thread.
 */
final class Start {
  private static final String OPENING = "opening";
  private static final String ENDED = "ended";

  private final SharedPreferences kept;
  private final Sentences sentences;
  private MemoryGate.Model[] models = {}; // guarded by this
  private long budget; // guarded by this
  private String refused = ""; // guarded by this; in this run

  Start(Context context, Sentences sentences) {
    kept = context.getSharedPreferences("start", Context.MODE_PRIVATE);
    this.sentences = sentences;
    foundEnded();
  }

  /** The app or the engine has ended: what was being opened then is what ended it. */
  synchronized void foundEnded() {
    String opening = kept.getString(OPENING, "");
    if (!opening.isEmpty()) kept.edit().putString(ENDED, opening).remove(OPENING).commit();
  }

  /** The model that ended the app when it was opened the last time; empty: none. */
  synchronized String ended() {
    return kept.getString(ENDED, "");
  }

  /** What the phone's memory allows now, in bytes; 0: unknown. */
  synchronized void setBudget(long bytes) {
    budget = bytes;
  }

  /** The list of models, as /thimble/v1/models gives it. */
  synchronized void setModels(JSONObject list) {
    JSONObject[] all = Json.objects(list.optJSONArray("models"));
    models = new MemoryGate.Model[all.length];
    for (int i = 0; i < all.length; i++)
      models[i] = new MemoryGate.Model(all[i].optString("name"), all[i].optLong("bytes"), all[i].optBoolean("built_in"));
  }

  /** Why the model is not to be opened now, in a sentence; null: it may, and is written down as being opened. */
  synchronized String refusal(String name) {
    MemoryGate.Model model = find(name);
    MemoryGate.Model smaller = MemoryGate.smaller(model, models, budget);
    String suggested = smaller == null ? "" : smaller.name;
    if (name.equals(ended()) && !name.equals(refused)) {
      refused = name;
      return sentences.openingEndedTheApp(name, suggested);
    }
    if (!MemoryGate.fits(model, budget)) return sentences.needsMoreMemory(name, MemoryGate.need(model.bytes), budget, suggested);
    // commit, not apply: it has to be on the disk before the model is in memory.
    kept.edit().putString(OPENING, name).commit();
    return null;
  }

  private MemoryGate.Model find(String name) {
    for (MemoryGate.Model one : models) if (one.name.equals(name)) return one;
    return new MemoryGate.Model(name, 0, false); // the service says that there is none
  }

  /** It is open, or could not be opened, which the service has said. */
  synchronized void opened(boolean isOpen) {
    String name = kept.getString(OPENING, "");
    if (name.isEmpty()) return;
    SharedPreferences.Editor edit = kept.edit().remove(OPENING);
    if (isOpen && name.equals(ended())) edit.remove(ENDED);
    edit.commit();
    if (name.equals(refused)) refused = "";
  }

  /** Whether that is the model that is written down as being opened. */
  synchronized boolean isOpening(String name) {
    return !name.isEmpty() && name.equals(kept.getString(OPENING, ""));
  }
}
