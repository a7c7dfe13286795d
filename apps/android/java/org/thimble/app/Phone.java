// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.BroadcastReceiver;
import android.content.Context;
import android.content.Intent;
import android.content.IntentFilter;
import android.os.BatteryManager;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import android.os.PowerManager;
import android.os.SystemClock;
import java.util.List;
import java.util.function.Consumer;
import org.json.JSONObject;

/**
 * What the phone says of its heat and its battery. Readings go out when they change; while an answer is written the phone is asked once a
 * second, else only its own calls are heard. What it does not say is unknown (-1, null). Main thread only, but where it
 * says otherwise.
 */
final class Phone {
  static final List<String> MODES = List.of("cool", "balanced", "fast");
  /** Android answers NaN to who asks for the headroom more often. */
  private static final long HEADROOM_MS = 1000;
  private static final int FORECAST_SECONDS = 10;
  private static final String KEPT_MODE = "mode";

  private final Context context;
  private final PowerManager power;
  private final Consumer<JSONObject> taker;
  private final Handler main = new Handler(Looper.getMainLooper());
  private final Runnable tick = this::tick;
  private volatile String mode;
  private String sent = "";
  private volatile JSONObject last; // what was told; any thread
  private int battery = -1;
  private boolean isCharging;
  private Double headroom; // null: unknown
  private long headroomAsked = -HEADROOM_MS;
  private boolean isWatching;
  private boolean isWriting;

  Phone(Context context, Consumer<JSONObject> taker) {
    this.context = context;
    this.power = context.getSystemService(PowerManager.class);
    this.taker = taker;
    String kept = context.getSharedPreferences("phone", Context.MODE_PRIVATE).getString(KEPT_MODE, "balanced");
    mode = MODES.contains(kept) ? kept : "balanced";
  }

  /** From now on changes are told. */
  void watch() {
    if (isWatching) return;
    isWatching = true;
    IntentFilter filter = new IntentFilter(Intent.ACTION_BATTERY_CHANGED);
    filter.addAction(PowerManager.ACTION_POWER_SAVE_MODE_CHANGED);
    // Both are the system's alone to send. The battery's is given at once.
    takeBattery(context.registerReceiver(receiver, filter));
    if (Build.VERSION.SDK_INT >= 29) {
      try {
        power.addThermalStatusListener(context.getMainExecutor(), status -> send());
      } catch (RuntimeException none) {
        // A phone without a thermal service: the status is still asked for while an answer is written.
        android.util.Log.w("thimble", "no word of the phone's heat: " + none.getMessage());
      }
    }
    send();
  }

  private final BroadcastReceiver receiver =
      new BroadcastReceiver() {
        @Override
        public void onReceive(Context where, Intent intent) {
          if (Intent.ACTION_BATTERY_CHANGED.equals(intent.getAction())) takeBattery(intent);
          send();
        }
      };

  private void takeBattery(Intent intent) {
    if (intent == null) return;
    int level = intent.getIntExtra(BatteryManager.EXTRA_LEVEL, -1);
    int scale = intent.getIntExtra(BatteryManager.EXTRA_SCALE, -1);
    battery = level >= 0 && scale > 0 ? (int) Math.min(100, level * 100L / scale) : -1;
    isCharging = intent.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0;
  }

  /** Whether an answer is being written, and so whether the phone is to be asked each second. */
  void setWriting(boolean is) {
    if (isWriting == is) return;
    isWriting = is;
    main.removeCallbacks(tick);
    if (is) tick();
  }

  private void tick() {
    if (!isWriting) return;
    send();
    main.postDelayed(tick, HEADROOM_MS);
  }

  /** What the person has chosen; other words are passed over. */
  void setMode(String chosen) {
    if (!MODES.contains(chosen)) return;
    mode = chosen;
    context.getSharedPreferences("phone", Context.MODE_PRIVATE).edit().putString(KEPT_MODE, chosen).apply();
    send();
  }

  /** A new child knows nothing yet. */
  void sendAnew() {
    sent = "";
    send();
  }

  private void send() {
    JSONObject now = readings();
    if (now.toString().equals(sent)) return;
    sent = now.toString();
    last = now;
    taker.accept(now);
  }

  /** What was told last; null: nothing yet. Any thread. */
  JSONObject lastReadings() {
    return last;
  }

  String mode() {
    return mode;
  }

  JSONObject readings() {
    return Json.of(
        "thermal", thermal(), "headroom", headroom(), "battery", battery < 0 ? null : battery, "charging", isCharging,
        "power_save", power.isPowerSaveMode(), "mode", mode);
  }

  int thermal() {
    return Build.VERSION.SDK_INT >= 29 ? power.getCurrentThermalStatus() : -1;
  }

  /** Percent; -1: unknown. */
  int battery() {
    return battery;
  }

  private Double headroom() {
    if (Build.VERSION.SDK_INT < 30) return null;
    long now = SystemClock.elapsedRealtime();
    if (now - headroomAsked < HEADROOM_MS) return headroom;
    headroomAsked = now;
    float asked = power.getThermalHeadroom(FORECAST_SECONDS);
    // Steps of a hundredth, so that not every reading is another one.
    headroom = Float.isNaN(asked) || Float.isInfinite(asked) ? null : Math.round(asked * 100.0) / 100.0;
    return headroom;
  }
}
