// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.Manifest;
import android.app.Activity;
import android.content.ClipData;
import android.content.ClipboardManager;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Build;
import android.util.Base64;
import android.widget.Toast;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.json.JSONObject;

/** What the page asks of the app itself: files, the camera, sharing, links, the notification. Main thread. */
final class PageDeeds implements PagePort.Deeds {
  private static final Pattern OPEN = Pattern.compile("/thimble/v1/models/([^/]+)/open");
  private static final int CONFLICT = 409;

  private final MainActivity activity;
  private final ThimbleApp app;
  private final Sentences sentences;
  // The file that is to be saved, until the person has said where.
  private String saveName = "";
  private byte[] saveBytes;
  private boolean isPermissionAsked;

  PageDeeds(MainActivity activity, ThimbleApp app) {
    this.activity = activity;
    this.app = app;
    this.sentences = app.sentences();
  }

  @Override
  public void act(String type, JSONObject message) {
    switch (type) {
      case "pick-model":
        leave(Links.Way.PICK, Links.pickModel(), "", "", () -> {});
        break;
      case "cancel-import":
        app.importer().cancel(message.optString("name"));
        break;
      case "share":
        share(message.optString("title"), message.optString("text"));
        break;
      case "save":
        save(message);
        break;
      case "camera":
        takePicture();
        break;
      case "decode":
        decode(message);
        break;
      case "open-link":
        openLink(message.optString("url"));
        break;
      case "mode":
        app.phone().setMode(message.optString("mode"));
        break;
      case "answering":
        answering(message.optBoolean("is"), message.optString("text"));
        break;
      case "copy":
        activity.getSystemService(ClipboardManager.class).setPrimaryClip(ClipData.newPlainText("Thimble", message.optString("text")));
        break;
      default:
        android.util.Log.w("thimble", "the page asks for what the app does not know: " + type);
    }
  }

  @Override
  public PagePort.Refusal refusal(String method, String path) {
    Matcher open = OPEN.matcher(path);
    if (!method.equals("POST") || !open.matches()) return null;
    String refusal = app.refusalToOpen(Uri.decode(open.group(1)));
    return refusal == null ? null : new PagePort.Refusal(CONFLICT, refusal);
  }

  @Override
  public void onWriting(PagePort port, long id, PagePort.Writing what, byte[] part) {
    app.answers().on(port, id, what, part);
  }

  private void leave(Links.Way way, Intent intent, String title, String shown, Runnable refused) {
    Links.leave(activity, way, intent, title, shown, refused);
  }

  private void share(String title, String text) {
    String shown = title.isEmpty() ? text : title + "\n\n" + text;
    leave(Links.Way.SHARE, Links.share(title, text), sentences.say(R.string.share_title), shown, () -> {});
  }

  /** Shown with its whole address first; what is no web address is not opened. */
  void openLink(String url) {
    if (!Links.isWebAddress(url)) {
      say(sentences.say(R.string.no_web_address));
      return;
    }
    leave(Links.Way.LINK, Links.link(url), sentences.say(R.string.link_title), url + "\n\n" + sentences.say(R.string.link_note), () -> {});
  }

  private void save(JSONObject message) {
    saveName = message.optString("name");
    saveBytes = Base64.decode(message.optString("base64"), Base64.DEFAULT);
    String shown = saveName + "\n" + sentences.size(saveBytes.length);
    String name = saveName;
    leave(Links.Way.SAVE, Links.save(name, message.optString("mime")), sentences.say(R.string.save_title), shown, () -> saved(name, false, ""));
  }

  private void saved(String name, boolean ok, String error) {
    saveBytes = null;
    activity.tell("saved", "name", name, "ok", ok, "error", error);
  }

  private void takePicture() {
    File photo = CameraProvider.photo(activity);
    try {
      Files.deleteIfExists(photo.toPath());
      Files.createFile(photo.toPath());
    } catch (IOException full) {
      say(sentences.say(R.string.picture_unreadable, full.getMessage()));
      return;
    }
    leave(Links.Way.CAMERA, Links.camera(activity), "", "", photo::delete);
  }

  private void decode(JSONObject message) {
    long id = message.optLong("id");
    byte[] file = Base64.decode(message.optString("base64"), Base64.DEFAULT);
    app.behind(
        () -> {
          JSONObject answer = Json.of("type", "decoded", "id", id);
          try {
            Json.put(answer, "base64", Base64.encodeToString(Pictures.toJpeg(file), Base64.NO_WRAP));
          } catch (IOException fault) {
            Json.put(answer, "error", sentences.say(R.string.picture_unreadable, fault.getMessage()));
          }
          activity.runOnUiThread(() -> activity.answer(answer));
        });
  }

  private void answering(boolean is, String title) {
    if (is) askForNotifications();
    app.answers().say(is, title);
  }

  // From Android 13 on notifications need a yes; without it answers go on all the same, and nothing shows them.
  private void askForNotifications() {
    if (Build.VERSION.SDK_INT < 33 || isPermissionAsked) return;
    isPermissionAsked = true;
    if (activity.checkSelfPermission(Manifest.permission.POST_NOTIFICATIONS) != PackageManager.PERMISSION_GRANTED)
      activity.requestPermissions(new String[] {Manifest.permission.POST_NOTIFICATIONS}, 0);
  }

  /** What came back from where the person went; `ok`: they did not turn back. */
  void onResult(int request, boolean ok, Intent data) {
    if (request == Links.Way.PICK.request && ok && data != null) app.bringIn(Links.picked(activity, data));
    else if (request == Links.Way.CAMERA.request) photographed(ok);
    else if (request == Links.Way.SAVE.request) writeSaved(ok && data != null ? data.getData() : null);
  }

  private void photographed(boolean ok) {
    File photo = CameraProvider.photo(activity);
    if (!ok) {
      photo.delete();
      return;
    }
    app.behind(
        () -> {
          try (InputStream in = Files.newInputStream(photo.toPath())) {
            byte[] file = Pictures.readAtMost(in, Pictures.MOST_BYTES);
            if (file == null) throw new IOException(sentences.say(R.string.picture_too_large, sentences.size(Pictures.MOST_BYTES)));
            JSONObject picture = Shares.picture("photo.jpg", "image/jpeg", file, sentences);
            activity.runOnUiThread(
                () -> activity.tell("picture", "name", "photo.jpg", "mime", picture.optString("mime"), "base64", picture.optString("base64")));
          } catch (IOException fault) {
            activity.runOnUiThread(() -> say(fault.getMessage()));
          } finally {
            photo.delete();
          }
        });
  }

  private void writeSaved(Uri to) {
    byte[] bytes = saveBytes;
    String name = saveName;
    if (to == null || bytes == null) {
      // Turned back; or the system ended the app behind its picker, and the file with it.
      saved(name, false, to == null ? "" : sentences.say(R.string.not_saved, name));
      return;
    }
    app.behind(
        () -> {
          String error = "";
          try (OutputStream out = activity.getContentResolver().openOutputStream(to, "wt")) {
            if (out == null) throw new IOException();
            out.write(bytes);
          } catch (IOException | RuntimeException fault) { // a provider may throw anything
            error = sentences.say(R.string.not_saved, name);
          }
          String said = error;
          activity.runOnUiThread(() -> saved(name, said.isEmpty(), said));
        });
  }

  /** A sentence for the person, beside the page. */
  void say(String sentence) {
    Toast.makeText((Activity) activity, sentence, Toast.LENGTH_LONG).show();
  }
}
