// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import android.util.Base64;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/** Pages, the port, the engine and a child that is a real process. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = {28, 35})
public class EngineTest {
  private final TestApp app = TestApp.get();

  @After
  public void endTheChild() {
    app.engine().close();
  }

  @Test
  public void theFirstLineSaysWhereThingsLie() {
    app.budget = 123_000_000;
    TestApp.FakePage page = app.startedPage();
    JSONObject start = app.lines("start").get(0).optJSONObject("start");
    String folder = app.getNoBackupFilesDir().getPath();
    assertEquals(folder + "/models", start.optString("models"));
    assertEquals(folder + "/chats", start.optString("chats"));
    assertEquals(123_000_000, start.optLong("memory_bytes"));
    assertEquals("f16", start.optString("kv"));
    assertEquals("the built-in model is a file", 100_000, new java.io.File(start.optString("builtin")).length());
    JSONObject started = page.events("started").get(0);
    assertEquals("fake", started.optString("isa"));
    assertEquals(2, started.optInt("threads"));
  }

  @Test
  public void theBuiltInModelIsNoFileAnyMoreWhenItIsPacked() {
    app.fault = "has-builtin";
    app.startedPage();
    java.io.File file = new java.io.File(app.lines("start").get(0).optJSONObject("start").optString("builtin"));
    java.io.File folder = file.getParentFile();
    TestApp.await("the file goes", () -> !file.exists());
    assertEquals("a marker is left", 1, folder.list().length);
    // The next child is told of no file, for as long as it has the pack.
    app.engine().close();
    app.opened();
    TestApp.await("another one runs", () -> app.lines("start").size() == 2);
    assertFalse(app.lines("start").get(1).optJSONObject("start").has("builtin"));
    // One that has lost it gets the file again, at the start after.
    app.engine().close();
    app.fault = "";
    app.opened();
    TestApp.await("the marker goes", () -> folder.list().length == 0);
    app.engine().close();
    app.opened();
    TestApp.await("the file is there", () -> app.lines("start").size() == 4 && file.exists());
    assertEquals(file.getPath(), app.lines("start").get(3).optJSONObject("start").optString("builtin"));
  }

  @Test
  public void anAnswerStreamsInWholeCharacters() {
    TestApp.FakePage page = app.startedPage();
    page.chat(5, "Grüße, 日本 😀");
    page.awaitAnswer(5);
    assertEquals(200, page.status(5));
    assertTrue(page.text(5), page.text(5).contains("Grüße, 日本 😀"));
    assertFalse(page.text(5).contains("\uFFFD"));
    assertTrue("several pieces in one string", page.strings < page.text(5).length() / 5);
    assertEquals(1.2505, page.events("cost").get(0).optDouble("cpu_seconds"), 1e-9);
  }

  @Test
  public void otherKindsOfAnswersAreBase64() {
    TestApp.FakePage page = app.startedPage();
    page.ask(1, "GET", "/picture", "");
    page.awaitAnswer(1);
    byte[] bytes = Base64.decode(page.of("part", 1).get(0).optString("base64"), Base64.DEFAULT);
    byte[] all = new byte[256];
    for (int i = 0; i < 256; i++) all[i] = (byte) i;
    assertArrayEquals(all, bytes);
  }

  @Test
  public void largeBodiesGoInPieces() throws JSONException {
    TestApp.FakePage page = app.startedPage();
    int length = 2 * PagePort.BODY_PIECE + 7;
    JSONObject ask = Json.of("type", "request", "id", 9, "method", "POST", "path", "/echo", "query", "", "headers", new JSONArray());
    Json.put(ask, "base64", Base64.encodeToString(new byte[length], Base64.NO_WRAP));
    page.port.onMessage(ask.toString());
    page.awaitAnswer(9);
    JSONObject told = new JSONObject(page.text(9));
    assertEquals(length, told.optInt("length"));
    assertEquals(Integer.toString(length), told.optString("said"));
    assertEquals(2, app.lines("body").size());
  }

  @Test
  public void cancellingEndsAnAnswerWithWhatThereIs() {
    TestApp.FakePage page = app.startedPage();
    page.chat(3, "slow");
    TestApp.await("it writes", () -> !page.of("part", 3).isEmpty());
    page.port.onMessage("{\"type\":\"cancel\",\"id\":3}");
    page.awaitAnswer(3);
    assertEquals(1, page.of("end", 3).size());
  }

  @Test
  public void theChildsDeathIsSaidAndItIsStartedAgainOnce() {
    TestApp.FakePage page = app.startedPage();
    page.chat(1, "die");
    page.awaitAnswer(1);
    String message = page.of("failed", 1).get(0).optString("message");
    assertTrue(message, message.contains("7"));
    TestApp.await("it is started again", () -> page.events("started").size() == 2);
    assertTrue(page.events("died").get(0).optBoolean("again"));
    page.chat(2, "good day");
    page.awaitAnswer(2);
    assertEquals(1, page.of("end", 2).size());
    // The second death is the last.
    page.chat(3, "die");
    page.awaitAnswer(3);
    TestApp.await("its death is said", () -> page.events("died").size() == 2);
    assertFalse(page.events("died").get(1).optBoolean("again"));
    page.chat(4, "anybody?");
    page.awaitAnswer(4);
    assertEquals(1, page.of("failed", 4).size());
    assertEquals("two starts, no more", 2, app.lines("start").size());
    // A person opens the app again.
    app.opened();
    TestApp.await("it runs again", () -> page.events("started").size() == 3);
    page.chat(5, "good day");
    page.awaitAnswer(5);
    assertEquals(1, page.of("end", 5).size());
  }

  @Test
  public void aChildThatNeverStartsIsNoLoop() {
    app.fault = "never-starts";
    TestApp.FakePage page = app.page(null);
    app.opened();
    TestApp.await("both deaths are said", () -> page.events("died").size() == 2);
    assertTrue(page.events("died").get(0).optBoolean("again"));
    assertFalse(page.events("died").get(1).optBoolean("again"));
    assertFalse(app.engine().isRunning());
  }

  @Test
  public void aProgramThatIsNotThereIsSaid() {
    app.ownCommand = List.of("/nowhere/libthimble.so");
    TestApp.FakePage page = app.page(null);
    app.opened();
    TestApp.await("it is said", () -> !page.events("died").isEmpty());
    assertTrue(page.events("died").get(0).optString("message").contains("libthimble.so"));
  }

  @Test
  public void linesThatAreNoneEndTheChildAndNotTheApp() {
    for (String fault : List.of("broken-frame", "long-line")) {
      app.fault = fault;
      TestApp.FakePage page = app.page(null);
      app.opened();
      TestApp.await("its end is said", () -> page.events("died").size() == 2);
      String message = page.events("died").get(1).optString("message");
      assertTrue(message, message.contains(fault.equals("long-line") ? "a line has more than" : "the stream ended"));
      app.remove(page.port);
    }
  }

  @Test
  public void twoPagesGetTheirOwnAnswers() {
    TestApp.FakePage first = app.startedPage();
    TestApp.FakePage second = app.page(null);
    assertEquals("who comes later is told, too", 0, second.strings);
    TestApp.await("the second knows", () -> !second.events("started").isEmpty());
    first.chat(1, "slow");
    second.chat(1, "of the second");
    second.awaitAnswer(1);
    assertTrue(second.text(1).contains("of the second"));
    assertFalse(first.isOver(1));
    // One page goes; the other's answer is its own still.
    app.remove(second.port);
    first.port.onMessage("{\"type\":\"cancel\",\"id\":1}");
    first.awaitAnswer(1);
    assertTrue(first.text(1).contains("slow"));
    assertEquals("one child for both", 1, app.lines("start").size());
  }

  @Test
  public void messagesThatAreNoneLeaveThePortAsItIs() {
    TestApp.FakePage page = app.startedPage();
    StringBuilder deep = new StringBuilder();
    for (int i = 0; i < 100_000; i++) deep.append("{\"a\":");
    for (String bad : List.of("", "hello", "[]", "{", "{\"type\":\"request\"}", "{\"type\":7}", "{\"type\":\"cancel\",\"id\":99}", deep.toString()))
      page.port.onMessage(bad);
    page.port.onMessage(null);
    page.port.onMessage("{\"type\":\"request\",\"id\":8,\"method\":\"POST\",\"path\":\"/echo\",\"base64\":\"no base64!\"}");
    page.ask(2, "GET", "/echo", "");
    page.awaitAnswer(2);
    assertEquals(200, page.status(2));
  }
}
