// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.app.Activity;
import android.app.AlertDialog;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.provider.MediaStore;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Every way out of the app, in one list: nothing else starts an activity of another app (a test reads the sources for it). What takes
 * something along is shown to the person first, with where it goes and all that goes.
 */
final class Links {
  enum Way {
    /** A web address, to the browser. Takes: the address. */
    LINK(NO_RESULT, true),
    /** Text, to an app that the person picks. Takes: the text. */
    SHARE(NO_RESULT, true),
    /** A file, to a place that the person picks. Takes: the file. */
    SAVE(1, true),
    /** The system's picker, for files of models. Takes nothing along. */
    PICK(2, false),
    /** The system's picker, for a file that the page asks for. Takes nothing along. */
    CHOOSE(3, false),
    /** The camera app. Takes nothing along but the address where it puts the photograph. */
    CAMERA(4, false);

    /** What onActivityResult gets of it; {@link Links#NO_RESULT}: nothing comes back. */
    final int request;

    /** Whether something leaves the app, which the person sees before. */
    final boolean isShown;

    Way(int request, boolean isShown) {
      this.request = request;
      this.isShown = isShown;
    }
  }

  private static final int NO_RESULT = -1;
  private static final int MOST_SHOWN = 20_000;

  private Links() {}

  /** Whether the page may ask to open the address: http and https, with a host. */
  static boolean isWebAddress(String url) {
    Uri uri = url == null ? null : Uri.parse(url);
    if (uri == null || uri.getScheme() == null || uri.getHost() == null || uri.getHost().isEmpty()) return false;
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    return scheme.equals("https") || scheme.equals("http");
  }

  static Intent link(String url) {
    return new Intent(Intent.ACTION_VIEW, Uri.parse(url)).addCategory(Intent.CATEGORY_BROWSABLE);
  }

  static Intent share(String title, String text) {
    Intent send = new Intent(Intent.ACTION_SEND).setType("text/plain").putExtra(Intent.EXTRA_TEXT, text);
    if (!title.isEmpty()) send.putExtra(Intent.EXTRA_SUBJECT, title);
    return Intent.createChooser(send, null);
  }

  static Intent save(String name, String mime) {
    return new Intent(Intent.ACTION_CREATE_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE)
        .setType(mime.isEmpty() ? "application/octet-stream" : mime)
        .putExtra(Intent.EXTRA_TITLE, name);
  }

  static Intent pickModel() {
    // Models have no type of their own; the names are looked at afterwards.
    return new Intent(Intent.ACTION_OPEN_DOCUMENT)
        .addCategory(Intent.CATEGORY_OPENABLE)
        .setType("*/*")
        .putExtra(Intent.EXTRA_ALLOW_MULTIPLE, true)
        .addFlags(Intent.FLAG_GRANT_READ_URI_PERMISSION | Intent.FLAG_GRANT_PERSISTABLE_URI_PERMISSION);
  }

  /** Files of these kinds for the page; kinds are types (image/*) or endings, of which the picker knows nothing. */
  static Intent choose(String[] kinds, boolean areSeveral) {
    List<String> types = new ArrayList<>();
    for (String kind : kinds) if (kind.contains("/")) types.add(kind);
    boolean isAny = types.isEmpty() || types.size() < kinds.length;
    Intent intent = new Intent(Intent.ACTION_GET_CONTENT).addCategory(Intent.CATEGORY_OPENABLE);
    intent.setType(!isAny && types.size() == 1 ? types.get(0) : "*/*");
    if (!isAny && types.size() > 1) intent.putExtra(Intent.EXTRA_MIME_TYPES, types.toArray(new String[0]));
    return intent.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, areSeveral);
  }

  /** What a picker gave; other apps' only. */
  static List<Uri> picked(Context context, Intent data) {
    List<Uri> files = new ArrayList<>();
    if (data == null) return files;
    ClipData clip = data.getClipData();
    for (int i = 0; clip != null && i < clip.getItemCount(); i++) files.add(clip.getItemAt(i).getUri());
    if (files.isEmpty()) files.add(data.getData());
    files.removeIf(uri -> !PickedFile.isForeign(uri, context.getPackageName()));
    return files;
  }

  static Intent camera(Context context) {
    Uri photo = CameraProvider.address(context);
    Intent intent = new Intent(MediaStore.ACTION_IMAGE_CAPTURE).putExtra(MediaStore.EXTRA_OUTPUT, photo);
    intent.setClipData(ClipData.newRawUri(null, photo));
    return intent.addFlags(Intent.FLAG_GRANT_WRITE_URI_PERMISSION | Intent.FLAG_GRANT_READ_URI_PERMISSION);
  }

  /**
   * Leaves by one of the ways. Where it takes something along, `title` and `shown` are put before the person first. `refused` runs where
   * the person says no, or no app is there for it.
   */
  static void leave(Activity from, Way way, Intent intent, String title, String shown, Runnable refused) {
    if (!way.isShown) {
      go(from, intent, way.request, refused);
      return;
    }
    String all = shown.length() > MOST_SHOWN ? shown.substring(0, MOST_SHOWN) + "…" : shown;
    new AlertDialog.Builder(from)
        .setTitle(title)
        .setMessage(all)
        .setPositiveButton(R.string.leave_go_on, (dialog, which) -> go(from, intent, way.request, refused))
        .setNegativeButton(android.R.string.cancel, (dialog, which) -> refused.run())
        .setOnCancelListener(dialog -> refused.run())
        .show();
  }

  private static void go(Activity from, Intent intent, int request, Runnable refused) {
    try {
      from.startActivityForResult(intent, request);
    } catch (ActivityNotFoundException | SecurityException none) {
      android.widget.Toast.makeText(from, R.string.nothing_can, android.widget.Toast.LENGTH_LONG).show();
      refused.run();
    }
  }
}
