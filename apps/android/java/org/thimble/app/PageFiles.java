// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.res.AssetManager;
import android.net.Uri;
import android.webkit.WebResourceResponse;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;
import java.util.Map;

/** The page's files, out of the package, under an address that no network has; every other address is refused. */
final class PageFiles {
  /** RFC 2606 keeps .invalid for names that never are. https, since pages get some functions only there. */
  static final String ORIGIN = "https://thimble.invalid";

  /** In the package's assets. */
  static final String FOLDER = "page";

  private static final Map<String, String> TYPES =
      Map.ofEntries(
          Map.entry("html", "text/html"),
          Map.entry("js", "text/javascript"),
          Map.entry("mjs", "text/javascript"),
          Map.entry("css", "text/css"),
          Map.entry("json", "application/json"),
          Map.entry("webmanifest", "application/manifest+json"),
          Map.entry("txt", "text/plain"),
          Map.entry("svg", "image/svg+xml"),
          Map.entry("png", "image/png"),
          Map.entry("webp", "image/webp"),
          Map.entry("woff2", "font/woff2"),
          Map.entry("wasm", "application/wasm"));

  /**
   * The page may load its own files, show pictures that it has made itself, and connect to nothing. It says the same of itself; this
   * holds should a file of it ever not.
   */
  static final String POLICY =
      "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none';"
          + " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

  private final AssetManager assets;

  PageFiles(AssetManager assets) {
    this.assets = assets;
  }

  static boolean isOurs(Uri address) {
    return ORIGIN.equals(address.getScheme() + "://" + address.getAuthority());
  }

  /** 404 for what the package does not have, and for every address that is not the page's. */
  WebResourceResponse answer(Uri address) {
    String path = address.getPath() == null ? "/" : address.getPath();
    if (path.endsWith("/")) path += "index.html";
    String type = TYPES.get(path.substring(path.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT));
    if (!isOurs(address) || type == null || path.contains("..")) return none();
    try {
      return response(type, 200, "OK", assets.open(FOLDER + path));
    } catch (IOException missing) {
      return none();
    }
  }

  private static WebResourceResponse none() {
    return response("text/plain", 404, "Not Found", new ByteArrayInputStream(new byte[0]));
  }

  private static WebResourceResponse response(String type, int status, String reason, InputStream body) {
    boolean isText = type.startsWith("text/") || type.endsWith("json") || type.endsWith("svg+xml");
    Map<String, String> headers =
        Map.of("Content-Security-Policy", POLICY, "X-Content-Type-Options", "nosniff", "Cache-Control", "no-store", "Referrer-Policy", "no-referrer");
    return new WebResourceResponse(type, isText ? "utf-8" : null, status, reason, headers, body);
  }
}
