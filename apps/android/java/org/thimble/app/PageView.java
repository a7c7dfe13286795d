// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.annotation.SuppressLint;
import android.content.Context;
import android.graphics.Bitmap;
import android.net.Uri;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import android.view.WindowInsets;
import android.webkit.RenderProcessGoneDetail;
import android.webkit.ValueCallback;
import android.webkit.WebChromeClient;
import android.webkit.WebMessage;
import android.webkit.WebMessagePort;
import android.webkit.WebResourceRequest;
import android.webkit.WebResourceResponse;
import android.webkit.WebSettings;
import android.webkit.WebView;
import android.webkit.WebViewClient;

/** The web view with the page: its files out of the package, nothing of anywhere else, and the port that is handed to it. */
final class PageView {
  /** What the activity does for the page. */
  interface Host {
    void onPort(WebMessagePort port);

    void onFileChooser(ValueCallback<Uri[]> chosen, WebChromeClient.FileChooserParams how);

    /** A link that the page did not keep for itself. */
    void onLink(String url);

    void onInsets(int top, int right, int bottom, int left, int keyboard);

    /** Whether the page has something to go back to. */
    void onHistory(boolean canGoBack);

    /** The web view's own process ended: this view is of no use any more. */
    void onGone();
  }

  static final String START = PageFiles.ORIGIN + "/index.html";
  static final String HANDING_OVER = "thimble-port";

  final WebView web;
  private final Host host;
  private final PageFiles files;
  private boolean isLoading;

  /** RuntimeException where the system has no web view. */
  @SuppressLint("SetJavaScriptEnabled")
  PageView(Context context, Host host) {
    this.host = host;
    files = new PageFiles(context.getAssets());
    web = new WebView(context);
    WebSettings settings = web.getSettings();
    settings.setJavaScriptEnabled(true);
    settings.setDomStorageEnabled(true);
    settings.setAllowFileAccess(false);
    settings.setAllowContentAccess(false);
    settings.setGeolocationEnabled(false);
    settings.setSafeBrowsingEnabled(false); // it would ask somebody about addresses
    settings.setSupportMultipleWindows(false);
    web.setWebViewClient(client);
    web.setWebChromeClient(chrome);
    web.setOnApplyWindowInsetsListener((view, insets) -> tellInsets(insets));
  }

  void load() {
    web.loadUrl(START);
  }

  private final WebViewClient client =
      new WebViewClient() {
        @Override
        public WebResourceResponse shouldInterceptRequest(WebView view, WebResourceRequest request) {
          // data: addresses carry what they name; blob: ones do not come here.
          return "data".equals(request.getUrl().getScheme()) ? null : files.answer(request.getUrl());
        }

        @Override
        public boolean shouldOverrideUrlLoading(WebView view, WebResourceRequest request) {
          boolean isPage = PageFiles.isOurs(request.getUrl());
          if (!isPage && request.hasGesture()) host.onLink(request.getUrl().toString());
          return !isPage;
        }

        @Override
        public void onPageStarted(WebView view, String url, Bitmap icon) {
          isLoading = true;
        }

        // Also called when only what stands behind the # has changed: then the page is the same one, and has its port.
        @Override
        public void onPageFinished(WebView view, String url) {
          if (isLoading && url != null && PageFiles.isOurs(Uri.parse(url))) handPort();
          isLoading = false;
        }

        @Override
        public void doUpdateVisitedHistory(WebView view, String url, boolean isReload) {
          host.onHistory(view.canGoBack());
        }

        @Override
        public boolean onRenderProcessGone(WebView view, RenderProcessGoneDetail detail) {
          host.onGone();
          return true;
        }
      };

  private final WebChromeClient chrome =
      new WebChromeClient() {
        @Override
        public boolean onShowFileChooser(WebView view, ValueCallback<Uri[]> chosen, FileChooserParams how) {
          host.onFileChooser(chosen, how);
          return true;
        }
      };

  private void handPort() {
    WebMessagePort[] ends = web.createWebMessageChannel();
    if (ends == null || ends.length < 2) return;
    host.onPort(ends[0]);
    web.postWebMessage(new WebMessage(HANDING_OVER, new WebMessagePort[] {ends[1]}), Uri.parse(PageFiles.ORIGIN));
  }

  /** What the page says over its end goes to `port`, on the main thread. */
  static void listen(WebMessagePort end, PagePort port) {
    end.setWebMessageCallback(
        new WebMessagePort.WebMessageCallback() {
          @Override
          public void onMessage(WebMessagePort from, WebMessage message) {
            port.onMessage(message.getData());
          }
        },
        new Handler(Looper.getMainLooper()));
  }

  // Edge to edge: the page leaves room for the bars and the keyboard itself. In CSS pixels.
  @SuppressWarnings("deprecation") // getSystemWindow...: what Android 9 and 10 have
  private WindowInsets tellInsets(WindowInsets insets) {
    float density = web.getResources().getDisplayMetrics().density;
    if (Build.VERSION.SDK_INT >= 30) {
      android.graphics.Insets bars = insets.getInsets(WindowInsets.Type.systemBars() | WindowInsets.Type.displayCutout());
      int keyboard = insets.getInsets(WindowInsets.Type.ime()).bottom;
      host.onInsets(css(bars.top, density), css(bars.right, density), css(bars.bottom, density), css(bars.left, density), css(keyboard, density));
    } else {
      host.onInsets(
          css(insets.getSystemWindowInsetTop(), density), css(insets.getSystemWindowInsetRight(), density),
          css(insets.getSystemWindowInsetBottom(), density), css(insets.getSystemWindowInsetLeft(), density), 0);
    }
    return insets;
  }

  private static int css(int pixels, float density) {
    return Math.round(pixels / density);
  }
}
