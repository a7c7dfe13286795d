// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.Notification;
import android.content.Intent;
import android.content.pm.ServiceInfo;
import android.os.BatteryManager;
import android.os.Build;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ServiceController;
import org.robolectric.annotation.Config;

/** The foreground service while an answer is written, what an answer cost, and the phone's readings on the way to the engine. */
@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en", sdk = {28, 35})
public class AnswerServiceTest {
  private final TestApp app = TestApp.get();

  @After
  public void endTheChild() {
    app.engine().close();
  }

  private Intent started() {
    return shadowOf(app).getNextStartedService();
  }

  private static void slow(TestApp.FakePage page, long id, String conversation) {
    JSONArray headers = conversation.isEmpty() ? new JSONArray() : new JSONArray().put(new JSONArray().put("X-Conversation-Id").put(conversation));
    String body = Json.of("messages", new JSONArray().put(Json.of("content", "slow"))).toString();
    page.port.onMessage(
        Json.of("type", "request", "id", id, "method", "POST", "path", "/v1/chat/completions", "query", "", "headers", headers, "text", body).toString());
  }

  @Test
  public void theServiceRunsWhileAnAnswerIsWritten() {
    TestApp.FakePage page = app.startedPage();
    page.ask(1, "GET", "/echo", "");
    page.awaitAnswer(1);
    assertNull("other requests need none", started());
    slow(page, 2, "");
    TestApp.await("it writes", () -> !page.of("part", 2).isEmpty() && app.answers().isServing());
    assertEquals(AnswerService.class.getName(), started().getComponent().getClassName());
    slow(page, 3, "");
    TestApp.await("the second writes", () -> !page.of("part", 3).isEmpty());
    assertNull("one service for both", started());
    page.port.onMessage("{\"type\":\"cancel\",\"id\":2}");
    page.awaitAnswer(2);
    assertTrue("the other is being written", app.answers().isServing());
    page.port.onMessage("{\"type\":\"cancel\",\"id\":3}");
    page.awaitAnswer(3);
    TestApp.await("it has ended", () -> !app.answers().isServing());
    assertEquals(AnswerService.class.getName(), shadowOf(app).getNextStoppedService().getComponent().getClassName());
  }

  @Test
  public void anAnswerThatIsWrittenOnUnreadKeepsTheService() {
    TestApp.FakePage page = app.startedPage();
    app.answers().say(true, "A chat");
    slow(page, 1, "talk");
    TestApp.await("it writes", () -> !page.of("part", 1).isEmpty());
    page.port.onMessage("{\"type\":\"cancel\",\"id\":1}"); // the page reads it again later
    page.awaitAnswer(1);
    TestApp.await("some time passes", () -> true);
    assertTrue(app.answers().isServing());
    app.answers().say(false, "");
    assertFalse(app.answers().isServing());
    app.answers().say(true, "A chat");
    app.remove(page.port);
    assertFalse("a page that is gone cannot say that it ended", app.answers().isServing());
  }

  @Test
  public void anAnswerThatIsRefusedStartsNoService() {
    TestApp.FakePage page = app.startedPage();
    page.chat(1, "refuse");
    page.awaitAnswer(1);
    assertEquals(409, page.status(1));
    assertFalse(app.answers().isServing());
  }

  @Test
  public void theEnginesDeathEndsTheService() {
    TestApp.FakePage page = app.startedPage();
    app.answers().say(true, "A chat");
    assertNotNull(started());
    page.chat(1, "die");
    page.awaitAnswer(1);
    TestApp.await("it has ended", () -> !app.answers().isServing());
    assertNotNull(shadowOf(app).getNextStoppedService());
  }

  @Test
  public void theNotificationShowsProgressAndStops() {
    TestApp.FakePage page = app.startedPage();
    app.answers().say(true, "About thimbles");
    slow(page, 1, "");
    slow(page, 2, "conversation 2");
    TestApp.await("both write", () -> !page.of("part", 1).isEmpty() && !page.of("part", 2).isEmpty());
    ServiceController<AnswerService> service = Robolectric.buildService(AnswerService.class, started()).create().startCommand(0, 1);
    Notification notice = shadowOf(service.get()).getLastForegroundNotification();
    assertEquals("Writing an answer", notice.extras.getString("android.title"));
    assertEquals("About thimbles", notice.extras.getString("android.text"));
    assertTrue(notice.extras.getBoolean("android.progressIndeterminate"));
    if (Build.VERSION.SDK_INT >= 34) assertEquals(ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE, service.get().getForegroundServiceType());
    assertEquals("Stop", notice.actions[0].title);
    Intent stop = shadowOf(notice.actions[0].actionIntent).getSavedIntent();
    assertEquals(AnswerService.STOP, stop.getAction());
    service.get().onStartCommand(stop, 0, 2);
    TestApp.await("the page is told", () -> !page.events("stop").isEmpty());
    page.awaitAnswer(1);
    page.awaitAnswer(2);
    assertEquals("one that is kept is ended by its name", 1, app.requests("DELETE", "/thimble/v1/answers/conversation%202").size());
    TestApp.await("it has ended", () -> !app.answers().isServing());
    service.destroy();
  }

  @Test
  public void aServiceThatComesTooLateEndsItself() {
    ServiceController<AnswerService> service = Robolectric.buildService(AnswerService.class, new Intent()).create().startCommand(0, 1);
    assertNotNull("the system wants it shown all the same", shadowOf(service.get()).getLastForegroundNotification());
    assertTrue(shadowOf(service.get()).isStoppedBySelf());
  }

  @SuppressWarnings("deprecation") // the system's own broadcast is sticky
  private void setBattery(int level, boolean isPlugged) {
    Intent battery =
        new Intent(Intent.ACTION_BATTERY_CHANGED)
            .putExtra(BatteryManager.EXTRA_LEVEL, level * 2)
            .putExtra(BatteryManager.EXTRA_SCALE, 200)
            .putExtra(BatteryManager.EXTRA_PLUGGED, isPlugged ? BatteryManager.BATTERY_PLUGGED_USB : 0);
    app.sendStickyBroadcast(battery);
    TestApp.await("it is told", () -> true);
  }

  private JSONObject lastReadings() {
    List<JSONObject> all = app.lines("readings");
    return all.get(all.size() - 1).optJSONObject("readings");
  }

  @Test
  @Config(sdk = 28)
  public void androidNineSaysNothingOfItsHeat() {
    TestApp.FakePage page = app.startedPage();
    page.chat(1, "good day");
    page.awaitAnswer(1);
    TestApp.await("the engine knows", () -> !app.lines("readings").isEmpty());
    assertEquals(-1, lastReadings().optInt("thermal"));
    assertTrue(lastReadings().isNull("headroom"));
  }

  @Test
  @Config(sdk = 35)
  public void readingsReachTheEngineAndItsDecisionsThePage() {
    setBattery(80, false);
    TestApp.FakePage page = app.startedPage();
    TestApp.await("the engine knows", () -> !app.lines("readings").isEmpty());
    JSONObject first = lastReadings();
    assertEquals(80, first.optInt("battery"));
    assertEquals(0, first.optInt("thermal"));
    assertTrue("nobody has asked the phone yet, or it does not know", first.isNull("headroom"));
    assertEquals("balanced", first.optString("mode"));
    // While an answer is written the phone is asked each second.
    slow(page, 1, "talk");
    TestApp.await("it writes", () -> !page.of("part", 1).isEmpty());
    shadowOf(app.getSystemService(android.os.PowerManager.class)).setCurrentThermalStatus(android.os.PowerManager.THERMAL_STATUS_SEVERE);
    TestApp.await("the page hears of the pause", () -> page.events("decision").toString().contains("\"stop\":true"));
    JSONObject decision = page.events("decision").get(page.events("decision").size() - 1);
    assertEquals("hot", decision.optJSONObject("decision").optString("reason"));
    assertEquals(3, decision.optJSONObject("readings").optInt("thermal"));
    setBattery(77, true);
    TestApp.await("the engine knows", () -> lastReadings().optBoolean("charging"));
    page.ask(2, "DELETE", "/thimble/v1/answers/talk", "");
    page.awaitAnswer(1);
    TestApp.await("the cost is told", () -> !page.events("cost").isEmpty());
    JSONObject cost = page.events("cost").get(0);
    assertEquals(3, cost.optInt("battery_percent"));
    assertEquals(3, cost.optInt("thermal"));
    assertEquals(1.2505, cost.optDouble("cpu_seconds"), 1e-9);
  }

  @Test
  public void readingsAreSentWhenTheyChangeOnly() {
    setBattery(50, false);
    TestApp.FakePage page = app.startedPage();
    slow(page, 1, "");
    TestApp.await("it writes", () -> !page.of("part", 1).isEmpty());
    TestApp.await("some seconds pass", () -> true);
    org.robolectric.shadows.ShadowLooper.idleMainLooper(30, java.util.concurrent.TimeUnit.SECONDS);
    page.ask(2, "GET", "/echo", "");
    page.awaitAnswer(2);
    assertTrue(app.lines("readings").toString(), app.lines("readings").size() <= 2);
  }

  @Test
  public void theModeIsKept() {
    TestApp.FakePage page = app.startedPage();
    app.phone().setMode("cool");
    app.phone().setMode("melting");
    TestApp.await("the engine knows", () -> !app.lines("readings").isEmpty() && lastReadings().optString("mode").equals("cool"));
    assertEquals("cool", new Phone(app, readings -> {}).mode());
    page.chat(1, "die");
    TestApp.await("a new child is told, too", () -> app.lines("start").size() == 2);
    int before = app.lines("readings").size();
    assertTrue(before >= 1);
    TestApp.await("of the mode", () -> app.lines().stream().skip(indexOfSecondStart()).anyMatch(line -> line.has("readings")));
  }

  private int indexOfSecondStart() {
    List<JSONObject> all = app.lines();
    int starts = 0;
    for (int i = 0; i < all.size(); i++) if (all.get(i).has("start") && ++starts == 2) return i;
    return all.size();
  }
}
