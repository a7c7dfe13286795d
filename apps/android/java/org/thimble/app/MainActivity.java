// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.app.Activity;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.view.ViewGroup;
import android.webkit.ValueCallback;
import android.webkit.WebChromeClient;
import android.webkit.WebMessage;
import android.webkit.WebMessagePort;
import android.widget.TextView;
import android.window.OnBackInvokedCallback;
import android.window.OnBackInvokedDispatcher;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
import org.json.JSONObject;

/** The one window: the page, and what comes in from other apps. */
public final class MainActivity extends Activity implements PageView.Host {
  private PageView page;
  private PagePort port;
  private WebMessagePort end;
  private PageDeeds deeds;
  private ValueCallback<Uri[]> chosen;
  private Object backCallback; // an OnBackInvokedCallback, which Android 12 and older do not have
  private boolean canGoBack;
  private int[] insets; // top, right, bottom, left, keyboard; null: not known yet
  /** What waits until there is a page: event, then its fields. */
  private final List<Object[]> waiting = new ArrayList<>();

  @Override
  protected void onCreate(Bundle saved) {
    super.onCreate(saved);
    deeds = new PageDeeds(this, app());
    goEdgeToEdge();
    makePage();
    // A recreated window has its Intent still; what was in it is with the page already.
    if (saved == null) take(getIntent());
  }

  // Android 15 does so by itself; before 11 the system leaves room for its bars.
  @SuppressWarnings("deprecation")
  private void goEdgeToEdge() {
    if (Build.VERSION.SDK_INT >= 30) getWindow().setDecorFitsSystemWindows(false);
  }

  private ThimbleApp app() {
    return (ThimbleApp) getApplication();
  }

  PageView page() {
    return page;
  }

  PagePort port() {
    return port;
  }

  PageDeeds deeds() {
    return deeds;
  }

  private void makePage() {
    try {
      page = new PageView(this, this);
    } catch (RuntimeException missing) { // the system's web view is switched off, or just being replaced
      TextView text = new TextView(this);
      text.setText(R.string.no_web_view);
      text.setPadding(48, 96, 48, 48);
      setContentView(text);
      return;
    }
    setContentView(page.web, new ViewGroup.LayoutParams(ViewGroup.LayoutParams.MATCH_PARENT, ViewGroup.LayoutParams.MATCH_PARENT));
    page.load();
  }

  @Override
  protected void onStart() {
    super.onStart();
    app().opened();
  }

  @Override
  protected void onNewIntent(Intent intent) {
    super.onNewIntent(intent);
    setIntent(intent);
    take(intent);
  }

  private void take(Intent intent) {
    Shares.Content content = Shares.read(this, intent);
    if (content.isNewChat) tell("new-chat");
    if (!content.models.isEmpty()) app().bringIn(content.models);
    if (!content.pictures.isEmpty()) app().behind(() -> readPictures(content));
    else if (!content.text.isEmpty()) tell("shared", "text", content.text, "pictures", new JSONArray());
  }

  private void readPictures(Shares.Content content) {
    List<String> faults = new ArrayList<>();
    JSONArray pictures = Shares.pictures(getContentResolver(), content.pictures, app().sentences(), faults);
    runOnUiThread(
        () -> {
          for (String fault : faults) deeds.say(fault);
          if (pictures.length() > 0 || !content.text.isEmpty()) tell("shared", "text", content.text, "pictures", pictures);
        });
  }

  /** Tells the page, as soon as there is one. */
  void tell(String event, Object... fields) {
    if (port != null) {
      port.tell(event, fields);
      return;
    }
    Object[] all = new Object[fields.length + 1];
    all[0] = event;
    System.arraycopy(fields, 0, all, 1, fields.length);
    waiting.add(all);
  }

  @Override
  public void onPort(WebMessagePort newEnd) {
    closePort();
    end = newEnd;
    port = new PagePort(app().engine(), this::atNextFrame, text -> post(newEnd, text), deeds);
    PageView.listen(newEnd, port);
    app().add(port);
    if (insets != null) tellInsets();
    for (Object[] one : waiting) port.tell((String) one[0], java.util.Arrays.copyOfRange(one, 1, one.length));
    waiting.clear();
  }

  // A frame is a sixtieth of a second; while nothing is drawn, as behind another app, this goes on all the same.
  private void atNextFrame(Runnable work) {
    page.web.postDelayed(work, 16);
  }

  private static void post(WebMessagePort to, String text) {
    try {
      to.postMessage(new WebMessage(text));
    } catch (IllegalStateException closed) {
      // The page went in this moment; the next one asks anew.
    }
  }

  private void closePort() {
    if (port != null) app().remove(port);
    if (end != null) end.close();
    port = null;
    end = null;
  }

  @Override
  public void onFileChooser(ValueCallback<Uri[]> callback, WebChromeClient.FileChooserParams how) {
    giveChosen(null);
    chosen = callback;
    boolean areSeveral = how.getMode() == WebChromeClient.FileChooserParams.MODE_OPEN_MULTIPLE;
    Intent choose = Links.choose(how.getAcceptTypes(), areSeveral);
    Links.leave(this, Links.Way.CHOOSE, choose, "", "", () -> giveChosen(null));
  }

  private void giveChosen(Uri[] files) {
    if (chosen != null) chosen.onReceiveValue(files);
    chosen = null;
  }

  @Override
  protected void onActivityResult(int request, int result, Intent data) {
    super.onActivityResult(request, result, data);
    if (request == Links.Way.CHOOSE.request) giveChosen(result == RESULT_OK ? Links.picked(this, data).toArray(new Uri[0]) : null);
    else deeds.onResult(request, result == RESULT_OK, data);
  }

  @Override
  public void onLink(String url) {
    deeds.openLink(url);
  }

  @Override
  public void onInsets(int top, int right, int bottom, int left, int keyboard) {
    insets = new int[] {top, right, bottom, left, keyboard};
    if (port != null) tellInsets();
  }

  private void tellInsets() {
    port.tell("insets", "top", insets[0], "right", insets[1], "bottom", insets[2], "left", insets[3], "keyboard", insets[4]);
  }

  // Back goes back in the page, and where the page is at its beginning out of the app, which Android shows by itself.
  @Override
  public void onHistory(boolean canGo) {
    canGoBack = canGo;
    if (Build.VERSION.SDK_INT >= 33) registerBack(canGo);
  }

  private void registerBack(boolean is) {
    if (Build.VERSION.SDK_INT < 33 || is == (backCallback != null)) return;
    OnBackInvokedDispatcher dispatcher = getOnBackInvokedDispatcher();
    if (is) {
      OnBackInvokedCallback callback = () -> page.web.goBack();
      dispatcher.registerOnBackInvokedCallback(OnBackInvokedDispatcher.PRIORITY_DEFAULT, callback);
      backCallback = callback;
    } else {
      dispatcher.unregisterOnBackInvokedCallback((OnBackInvokedCallback) backCallback);
      backCallback = null;
    }
  }

  @Override
  @SuppressWarnings("deprecation") // for Android 12 and older
  @Deprecated
  public void onBackPressed() {
    if (page != null && canGoBack) page.web.goBack();
    else super.onBackPressed();
  }

  @Override
  public void onGone() {
    closePort();
    recreate();
  }

  @Override
  protected void onDestroy() {
    giveChosen(null);
    closePort();
    if (page != null) page.web.destroy();
    super.onDestroy();
  }

  /** What a page asked for itself, answered to the page that is there now. */
  void answer(JSONObject message) {
    if (port != null) port.add(message);
  }
}
