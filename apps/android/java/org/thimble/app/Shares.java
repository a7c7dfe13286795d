// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.ClipData;
import android.content.ContentResolver;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.util.Base64;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * What other apps give us: text, pictures, the text that is selected somewhere, files of models. Every word of such an Intent is another
 * app's: what is read is bounded, and addresses are other apps' only.
 */
final class Shares {
  /** The home screen's shortcut. */
  static final String ACTION_NEW_CHAT = "org.thimble.app.NEW_CHAT";

  static final int MOST_TEXT = 200_000;
  static final int MOST_PICTURES = 8;

  /** What is in an Intent; the files are not read yet. */
  static final class Content {
    String text = "";
    boolean isNewChat;
    final List<Uri> pictures = new ArrayList<>();
    final List<Uri> models = new ArrayList<>();

    boolean isEmpty() {
      return text.isEmpty() && pictures.isEmpty() && models.isEmpty() && !isNewChat;
    }
  }

  private Shares() {}

  /** Looks at an Intent that came in; what is not known is passed over. */
  static Content read(Context context, Intent intent) {
    Content content = new Content();
    if (intent == null || intent.getAction() == null) return content;
    try {
      switch (intent.getAction()) {
        case ACTION_NEW_CHAT:
          content.isNewChat = true;
          break;
        case Intent.ACTION_PROCESS_TEXT:
          content.text = cut(intent.getCharSequenceExtra(Intent.EXTRA_PROCESS_TEXT));
          break;
        case Intent.ACTION_SEND:
        case Intent.ACTION_SEND_MULTIPLE:
          readSent(context, intent, content);
          break;
        case Intent.ACTION_VIEW:
          if (PickedFile.isForeign(intent.getData(), context.getPackageName())) content.models.add(intent.getData());
          break;
        default:
          break;
      }
    } catch (RuntimeException broken) {
      // Extras that cannot be unpacked are another app's fault, not ours to fall over.
      android.util.Log.w("thimble", "what was shared cannot be read: " + broken.getMessage());
    }
    return content;
  }

  private static String cut(CharSequence text) {
    if (text == null) return "";
    return text.length() > MOST_TEXT ? text.subSequence(0, MOST_TEXT).toString() : text.toString();
  }

  private static void readSent(Context context, Intent intent, Content content) {
    String subject = cut(intent.getCharSequenceExtra(Intent.EXTRA_SUBJECT));
    String text = cut(intent.getCharSequenceExtra(Intent.EXTRA_TEXT));
    content.text = subject.isEmpty() || text.startsWith(subject) ? text : text.isEmpty() ? subject : subject + "\n\n" + text;
    String type = intent.getType() == null ? "" : intent.getType();
    for (Uri uri : streams(intent)) {
      if (!PickedFile.isForeign(uri, context.getPackageName())) continue;
      if (!type.startsWith("image/")) content.models.add(uri);
      else if (content.pictures.size() < MOST_PICTURES) content.pictures.add(uri);
    }
  }

  @SuppressWarnings("deprecation") // get: the one for all versions that takes one stream and several
  private static List<Uri> streams(Intent intent) {
    List<Uri> found = new ArrayList<>();
    ClipData clip = intent.getClipData();
    for (int i = 0; clip != null && i < clip.getItemCount(); i++) {
      if (clip.getItemAt(i).getUri() != null) found.add(clip.getItemAt(i).getUri());
    }
    if (!found.isEmpty()) return found;
    Object one = intent.getExtras() == null ? null : intent.getExtras().get(Intent.EXTRA_STREAM);
    if (one instanceof Uri) found.add((Uri) one);
    if (one instanceof List) {
      for (Object each : (List<?>) one) if (each instanceof Uri) found.add((Uri) each);
    }
    return found;
  }

  /**
   * A picture of another app for the page: {name, mime, base64}. What the page cannot show, or what is large, as JPEG. IOException with a
   * sentence. Not on the main thread.
   */
  static JSONObject picture(ContentResolver resolver, Uri uri, Sentences sentences) throws IOException {
    try (InputStream in = resolver.openInputStream(uri)) {
      byte[] file = in == null ? null : Pictures.readAtMost(in, Pictures.MOST_BYTES);
      if (in != null && file == null) throw new IOException(sentences.say(R.string.picture_too_large, sentences.size(Pictures.MOST_BYTES)));
      if (file == null) throw new IOException(sentences.say(R.string.shared_unreadable));
      return picture(PickedFile.plainName(uri.getLastPathSegment()), resolver.getType(uri), file, sentences);
    } catch (RuntimeException gone) { // the permission, or a provider's own fault
      throw new IOException(sentences.say(R.string.shared_unreadable), gone);
    }
  }

  /** The same of a file's bytes. */
  static JSONObject picture(String name, String type, byte[] file, Sentences sentences) throws IOException {
    boolean isKept = Pictures.isKnownToPages(file) && file.length <= Pictures.MOST_UNCHANGED;
    byte[] shown = file;
    if (!isKept) {
      try {
        shown = Pictures.toJpeg(file);
      } catch (IOException unreadable) {
        throw new IOException(sentences.say(R.string.picture_unreadable, unreadable.getMessage()), unreadable);
      }
    }
    String mime = isKept && type != null && type.startsWith("image/") ? type : "image/jpeg";
    return Json.of("name", name, "mime", mime, "base64", Base64.encodeToString(shown, Base64.NO_WRAP));
  }

  /** All pictures of what was shared; what cannot be read is told by `faults`. Not on the main thread. */
  static JSONArray pictures(ContentResolver resolver, List<Uri> uris, Sentences sentences, List<String> faults) {
    JSONArray all = new JSONArray();
    for (Uri uri : uris) {
      try {
        all.put(picture(resolver, uri, sentences));
      } catch (IOException fault) {
        faults.add(fault.getMessage());
      }
    }
    return all;
  }
}
