// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.app.Notification;
import android.app.NotificationChannel;
import android.app.NotificationManager;
import android.app.PendingIntent;
import android.content.Context;
import android.content.Intent;

/** The notifications: an answer that is being written, a model that is being added. None makes a sound. */
final class Notices {
  static final int ANSWER = 1;
  static final int IMPORT = 2;
  static final String ANSWERS_CHANNEL = "answers";
  static final String IMPORTS_CHANNEL = "imports";
  private static final int STEPS = 1000;

  private Notices() {}

  private static NotificationManager manager(Context context) {
    return context.getSystemService(NotificationManager.class);
  }

  private static Notification.Builder builder(Context context, String channel, int channelName) {
    manager(context).createNotificationChannel(new NotificationChannel(channel, context.getString(channelName), NotificationManager.IMPORTANCE_LOW));
    PendingIntent open = PendingIntent.getActivity(context, 0, new Intent(context, MainActivity.class), PendingIntent.FLAG_IMMUTABLE);
    return new Notification.Builder(context, channel).setSmallIcon(R.drawable.notice).setContentIntent(open).setOnlyAlertOnce(true);
  }

  /** `pieces`: how many pieces of text there are already. */
  static Notification answer(Context context, String title, int pieces) {
    Intent stop = new Intent(context, AnswerService.class).setAction(AnswerService.STOP);
    PendingIntent onStop = PendingIntent.getService(context, 0, stop, PendingIntent.FLAG_IMMUTABLE);
    Notification.Builder builder =
        builder(context, ANSWERS_CHANNEL, R.string.channel_answers)
            .setContentTitle(context.getString(R.string.answer_title))
            .setOngoing(true)
            .setProgress(0, 0, true)
            .setCategory(Notification.CATEGORY_PROGRESS)
            .setVisibility(Notification.VISIBILITY_PRIVATE) // a chat's title is not for a locked screen
            .addAction(new Notification.Action.Builder(null, context.getString(R.string.answer_stop), onStop).build());
    if (!title.isEmpty()) builder.setContentText(title);
    if (pieces > 0) builder.setSubText(context.getString(R.string.answer_pieces, pieces));
    return builder.build();
  }

  static void showAnswer(Context context, String title, int pieces) {
    manager(context).notify(ANSWER, answer(context, title, pieces));
  }

  static void showImport(Context context, String name, long bytes, long total, Importer.State state, String message) {
    Notification.Builder builder = builder(context, IMPORTS_CHANNEL, R.string.channel_imports);
    switch (state) {
      case COPYING:
      case PACKING:
        boolean isKnown = state == Importer.State.COPYING && total > 0;
        builder.setContentTitle(context.getString(R.string.import_title, name)).setOngoing(true);
        builder.setProgress(STEPS, isKnown ? (int) (STEPS * (double) bytes / total) : 0, !isKnown);
        break;
      case DONE:
        builder.setContentTitle(context.getString(R.string.import_done, name)).setAutoCancel(true);
        break;
      case FAILED:
        builder.setContentTitle(context.getString(R.string.import_failed, name)).setContentText(message);
        builder.setStyle(new Notification.BigTextStyle().bigText(message)).setAutoCancel(true);
        break;
    }
    manager(context).notify(IMPORT, builder.build());
  }
}
