// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.net.Uri;
import android.os.Handler;
import android.os.Looper;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.json.JSONArray;

/**
 * The answers that are being written: while there are any, the foreground service keeps the app awake and the phone's heat is looked
 * at; behind each one its page is told what it cost. Main thread, but for {@link #on}.
 */
final class Answers {
  private static final int TAIL = 4096;
  // In a text it would stand with backslashes before the quotation marks.
  private static final Pattern CPU = Pattern.compile("(?<!\\\\)\"cpu_ms\":([0-9]+(?:\\.[0-9]+)?)");

  private static final class Running {
    final int batteryBefore;
    final StringBuilder tail = new StringBuilder(); // of what came, to find its figures in
    int pieces;

    Running(int batteryBefore) {
      this.batteryBefore = batteryBefore;
    }
  }

  private final ThimbleApp app;
  private final Handler main = new Handler(Looper.getMainLooper());
  private final Map<String, Running> running = new HashMap<>();
  private String title = "";
  private boolean isServing;
  private boolean isSaidByPage; // an answer that is kept under a name is written on while nobody reads it

  Answers(ThimbleApp app) {
    this.app = app;
  }

  /** From the child's thread: an answer of that page has begun, gone on or ended. */
  void on(PagePort port, long id, PagePort.Writing what, byte[] part) {
    main.post(() -> take(port, id, what, part));
  }

  private void take(PagePort port, long id, PagePort.Writing what, byte[] part) {
    String key = System.identityHashCode(port) + " " + id;
    if (what == PagePort.Writing.BEGUN) {
      running.put(key, new Running(app.phone().battery()));
      app.phone().setWriting(true);
      serve();
      return;
    }
    Running one = running.get(key);
    if (one == null) return; // it was refused before it began
    if (what == PagePort.Writing.PART) {
      onPart(one, part);
      return;
    }
    running.remove(key);
    tellCost(port, one);
    restIfNothingIsWritten();
  }

  private void onPart(Running one, byte[] part) {
    String text = new String(part, StandardCharsets.ISO_8859_1); // figures and names are ASCII
    for (int at = text.indexOf("data:"); at >= 0; at = text.indexOf("data:", at + 5)) one.pieces++;
    one.tail.append(text);
    if (one.tail.length() > 2 * TAIL) one.tail.delete(0, one.tail.length() - TAIL);
    if (isServing) AnswerService.showProgress(app, title, one.pieces);
  }

  private void tellCost(PagePort port, Running one) {
    Matcher found = CPU.matcher(one.tail);
    double seconds = -1;
    while (found.find()) seconds = Double.parseDouble(found.group(1)) / 1000; // the last one is the whole answer's
    if (seconds < 0) return; // cancelled, or nobody asked for figures
    int before = one.batteryBefore;
    int now = app.phone().battery();
    Integer percent = before >= 0 && now >= 0 && now < before ? before - now : null;
    port.tell("cost", "cpu_seconds", seconds, "battery_percent", percent, "thermal", app.phone().thermal());
  }

  /** The page says that it is answering, under which title; or that it is no longer. */
  void say(boolean is, String chat) {
    isSaidByPage = is;
    if (is) {
      title = chat;
      app.phone().setWriting(true);
      serve();
    } else {
      restIfNothingIsWritten();
    }
  }

  private void serve() {
    if (isServing) return;
    isServing = true;
    app.startAnswerService(title);
  }

  private void restIfNothingIsWritten() {
    if (running.isEmpty() && !isSaidByPage) rest();
  }

  private void rest() {
    isSaidByPage = false;
    app.phone().setWriting(false);
    if (!isServing) return;
    isServing = false;
    app.stopAnswerService();
  }

  boolean isServing() {
    return isServing;
  }

  /** A page is gone, which can no longer say that it has its answer. */
  void pageGone() {
    isSaidByPage = false;
    restIfNothingIsWritten();
  }

  /** Nothing is being written any more, whatever the page said: its engine has died. */
  void engineDied() {
    main.post(
        () -> {
          running.clear();
          rest();
        });
  }

  /** Stop, in the notification: the pages stop their answers, and should none be awake, the engine is told all the same. */
  void stop() {
    isSaidByPage = false; // the person's word, whatever the page still says
    app.tellAll("stop");
    for (PagePort port : app.ports()) {
      for (Map.Entry<Long, String> one : port.writing().entrySet()) {
        if (one.getValue().isEmpty()) app.engine().cancel(one.getKey());
        else
          app.engine().request("DELETE", "/thimble/v1/answers/" + Uri.encode(one.getValue()), "", new JSONArray(), null, false, new ServiceCall());
      }
    }
    restIfNothingIsWritten();
  }
}
