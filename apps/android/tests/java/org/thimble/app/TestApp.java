// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.os.Looper;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.Shadows;

/** The app with a child that plays the native program, and what tests want to know of it. */
public class TestApp extends ThimbleApp {
  private static final long MOST_WAIT_NS = 60_000_000_000L;

  String fault = ""; // of fake_child.py
  List<String> ownCommand; // in place of the fake
  long free = Long.MAX_VALUE;
  long budget = -1; // what memoryBudget says; below zero: what the phone says

  static TestApp get() {
    return (TestApp) RuntimeEnvironment.getApplication();
  }

  File log() {
    return new File(getCacheDir(), "child.log");
  }

  @Override
  List<String> command() {
    if (ownCommand != null) return ownCommand;
    List<String> command = new ArrayList<>(List.of("/usr/bin/python3", System.getProperty("thimble.fake"), log().getPath()));
    if (!fault.isEmpty()) command.add(fault);
    return command;
  }

  @Override
  long freeBytes() {
    return free;
  }

  @Override
  long memoryBudget() {
    return budget < 0 ? super.memoryBudget() : budget;
  }

  /** Lets the main thread work, and time pass for it, until something is so. */
  static void await(String what, BooleanSupplier isSo) {
    long end = System.nanoTime() + MOST_WAIT_NS;
    while (true) {
      Shadows.shadowOf(Looper.getMainLooper()).idleFor(Duration.ofMillis(20));
      if (isSo.getAsBoolean()) return;
      if (System.nanoTime() > end) throw new AssertionError("waited in vain until " + what);
      try {
        Thread.sleep(5);
      } catch (InterruptedException interrupted) {
        throw new AssertionError(interrupted);
      }
    }
  }

  /** Every line that the child got so far. */
  List<JSONObject> lines() {
    List<JSONObject> all = new ArrayList<>();
    try {
      if (!log().exists()) return all;
      String text = new String(Files.readAllBytes(log().toPath()), StandardCharsets.UTF_8);
      for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) if (!line.isEmpty()) all.add(Json.parse(line));
      return all;
    } catch (IOException fault) {
      throw new AssertionError(fault);
    }
  }

  /** The lines among them that have this member. */
  List<JSONObject> lines(String member) {
    List<JSONObject> some = new ArrayList<>();
    for (JSONObject line : lines()) if (line.has(member)) some.add(line);
    return some;
  }

  /** The requests to a path, in order. */
  List<JSONObject> requests(String method, String path) {
    List<JSONObject> some = lines("request");
    some.removeIf(line -> !line.optString("method").equals(method) || !line.optString("path").equals(path));
    return some;
  }

  /** What a header of a request said; empty: it has none of that name. */
  static String header(JSONObject request, String name) {
    JSONArray headers = request.optJSONArray("headers");
    for (int i = 0; i < headers.length(); i++) if (headers.optJSONArray(i).optString(0).equals(name)) return headers.optJSONArray(i).optString(1);
    return "";
  }

  File model(String model, String file) {
    return new File(new File(getNoBackupFilesDir(), "models"), model + "~" + file);
  }

  /** A page's end: what it was told, and its port. */
  static final class FakePage implements PagePort.Page {
    private final List<JSONObject> told = new ArrayList<>();
    int strings;
    PagePort port;

    @Override
    public synchronized void post(String text) {
      strings++;
      try {
        JSONArray all = new JSONArray(text);
        for (int i = 0; i < all.length(); i++) told.add(all.getJSONObject(i));
      } catch (JSONException fault) {
        throw new AssertionError(text, fault);
      }
    }

    synchronized List<JSONObject> events(String name) {
      List<JSONObject> some = new ArrayList<>();
      for (JSONObject one : told) if (one.optString("event").equals(name)) some.add(one);
      return some;
    }

    synchronized List<JSONObject> of(String type, long id) {
      List<JSONObject> some = new ArrayList<>();
      for (JSONObject one : told) if (one.optString("type").equals(type) && one.optLong("id", -1) == id) some.add(one);
      return some;
    }

    /** All text of an answer so far. */
    String text(long id) {
      StringBuilder text = new StringBuilder();
      for (JSONObject part : of("part", id)) text.append(part.optString("text"));
      return text.toString();
    }

    void ask(long id, String method, String path, String text) {
      JSONArray headers = new JSONArray();
      if (!text.isEmpty()) headers.put(new JSONArray().put("content-type").put("application/json"));
      port.onMessage(Json.of("type", "request", "id", id, "method", method, "path", path, "query", "", "headers", headers, "text", text).toString());
    }

    void chat(long id, String text) {
      String body = Json.of("messages", new JSONArray().put(Json.of("role", "user", "content", text))).toString();
      ask(id, "POST", "/v1/chat/completions", body);
    }

    boolean isOver(long id) {
      return !of("end", id).isEmpty() || !of("failed", id).isEmpty();
    }

    void awaitAnswer(long id) {
      await("answer " + id + " is over", () -> isOver(id));
    }

    int status(long id) {
      return of("answer", id).isEmpty() ? -1 : of("answer", id).get(0).optInt("status");
    }
  }

  /** A page without a window. `deeds` null: those of nobody. */
  FakePage page(PagePort.Deeds deeds) {
    FakePage page = new FakePage();
    android.os.Handler main = new android.os.Handler(Looper.getMainLooper());
    page.port = new PagePort(engine(), work -> main.postDelayed(work, 16), page, deeds != null ? deeds : new NoDeeds());
    add(page.port);
    return page;
  }

  /** A page in front of a running child. */
  FakePage startedPage() {
    FakePage page = page(null);
    opened();
    await("the child runs", () -> !page.events("started").isEmpty());
    return page;
  }

  final class NoDeeds implements PagePort.Deeds {
    @Override
    public void act(String type, JSONObject message) {}

    @Override
    public PagePort.Refusal refusal(String method, String path) {
      return null;
    }

    @Override
    public void onWriting(PagePort port, long id, PagePort.Writing what, byte[] part) {
      answers().on(port, id, what, part);
    }
  }
}
