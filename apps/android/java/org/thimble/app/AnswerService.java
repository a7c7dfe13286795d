// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.app.Notification;
import android.app.Service;
import android.content.Context;
import android.content.Intent;
import android.content.pm.ServiceInfo;
import android.os.Build;
import android.os.IBinder;
import android.os.SystemClock;

/** Keeps the app's process in front while an answer is written, also when the person looks at something else. */
public final class AnswerService extends Service {
  static final String STOP = "org.thimble.app.STOP";
  static final String TITLE = "title";
  private static final long PROGRESS_MS = 1000;

  private static boolean isUp; // main thread
  private static long shown;

  @Override
  public int onStartCommand(Intent intent, int flags, int id) {
    if (intent != null && STOP.equals(intent.getAction())) {
      ((ThimbleApp) getApplication()).answers().stop();
      // What is left of the answer may take a moment; Answers ends this service with it. Where none is there, it ends now.
      if (!((ThimbleApp) getApplication()).answers().isServing()) stopSelf();
      return START_NOT_STICKY;
    }
    String title = intent == null || intent.getStringExtra(TITLE) == null ? "" : intent.getStringExtra(TITLE);
    Notification notice = Notices.answer(this, title, 0);
    if (Build.VERSION.SDK_INT >= 34) startForeground(Notices.ANSWER, notice, ServiceInfo.FOREGROUND_SERVICE_TYPE_SPECIAL_USE);
    else startForeground(Notices.ANSWER, notice);
    isUp = true;
    // Ended between the order to start and now: the system wants startForeground all the same, and then the end.
    if (!((ThimbleApp) getApplication()).answers().isServing()) stopSelf();
    return START_NOT_STICKY;
  }

  /** A new state of the notification, once a second at most. Main thread. */
  static void showProgress(Context context, String title, int pieces) {
    long now = SystemClock.elapsedRealtime();
    if (!isUp || now - shown < PROGRESS_MS) return;
    shown = now;
    Notices.showAnswer(context, title, pieces);
  }

  @Override
  public void onDestroy() {
    isUp = false;
    super.onDestroy();
  }

  @Override
  public IBinder onBind(Intent intent) {
    return null;
  }
}
