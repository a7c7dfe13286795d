// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.AlertDialog;
import android.content.ClipData;
import android.content.ClipboardManager;
import android.content.DialogInterface;
import android.content.Intent;
import android.content.res.Configuration;
import android.graphics.Bitmap;
import android.graphics.BitmapFactory;
import android.net.Uri;
import android.provider.MediaStore;
import android.util.Base64;
import android.webkit.WebChromeClient;
import android.webkit.WebMessage;
import android.webkit.WebMessagePort;
import android.webkit.WebResourceRequest;
import android.webkit.WebResourceResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.android.controller.ActivityController;
import org.robolectric.annotation.Config;
import org.robolectric.annotation.GraphicsMode;
import org.robolectric.fakes.RoboWebMessagePort;
import org.robolectric.shadows.ShadowActivity;
import org.robolectric.shadows.ShadowAlertDialog;

/** The window: what comes in from other apps, what the page asks for, and what leaves. */
@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en", sdk = {28, 35})
public class WindowTest {
  private static final String PIXEL =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

  private final TestApp app = TestApp.get();
  private ActivityController<MainActivity> controller;
  private RoboWebMessagePort pageEnd;

  @After
  public void endTheChild() {
    if (controller != null) controller.close();
    app.engine().close();
  }

  private MainActivity open(Intent intent) {
    controller = Robolectric.buildActivity(MainActivity.class, intent).setup();
    return controller.get();
  }

  /** What the web view does when the page is there; afterwards the page's end of the port is in `pageEnd`. */
  private void load(MainActivity window) {
    shadowOf(window.page().web).getWebViewClient().onPageStarted(window.page().web, PageView.START, null);
    shadowOf(window.page().web).getWebViewClient().onPageFinished(window.page().web, PageView.START);
    List<RoboWebMessagePort[]> ports = shadowOf(window.page().web).getCreatedPorts();
    pageEnd = ports.get(ports.size() - 1)[1];
    pageEnd.setWebMessageCallback(
        new WebMessagePort.WebMessageCallback() {
          @Override
          public void onMessage(WebMessagePort port, WebMessage message) {}
        },
        null);
  }

  private MainActivity openLoaded(Intent intent) {
    MainActivity window = open(intent);
    load(window);
    return window;
  }

  private void say(Object... namesAndValues) {
    pageEnd.postMessage(new WebMessage(Json.of(namesAndValues).toString()));
    TestApp.await("it is heard", () -> true);
  }

  private List<JSONObject> events(String name) {
    List<JSONObject> found = new java.util.ArrayList<>();
    try {
      for (WebMessage message : pageEnd.getReceivedMessages() == null ? List.<WebMessage>of() : receivedOf(pageEnd)) {
        for (JSONObject one : Json.objects(new JSONArray(message.getData()))) if (one.optString("event").equals(name)) found.add(one);
      }
    } catch (JSONException fault) {
      throw new AssertionError(fault);
    }
    return found;
  }

  private static List<WebMessage> receivedOf(RoboWebMessagePort port) {
    List<WebMessage> all = new java.util.ArrayList<>();
    for (String data : port.getReceivedMessages()) all.add(new WebMessage(data));
    return all;
  }

  private JSONObject awaitEvent(String name) {
    TestApp.await("the page is told of " + name, () -> !events(name).isEmpty());
    return events(name).get(0);
  }

  private static Intent send(String type) {
    return new Intent(Intent.ACTION_SEND).setType(type);
  }

  @Test
  public void theWindowShowsThePageOfThePackage() throws IOException {
    MainActivity window = open(new Intent());
    assertEquals(PageView.START, shadowOf(window.page().web).getLastLoadedUrl());
    assertFalse(window.page().web.getSettings().getAllowFileAccess());
    assertFalse(window.page().web.getSettings().getAllowContentAccess());
    assertFalse(window.page().web.getSettings().getSafeBrowsingEnabled());
    PageFiles files = new PageFiles(window.getAssets());
    WebResourceResponse page = files.answer(Uri.parse(PageFiles.ORIGIN + "/"));
    assertEquals(200, page.getStatusCode());
    assertTrue(new String(page.getData().readAllBytes(), StandardCharsets.UTF_8).contains("A page for tests"));
    assertEquals("text/javascript", files.answer(Uri.parse(PageFiles.ORIGIN + "/page.js")).getMimeType());
    assertTrue(page.getResponseHeaders().get("Content-Security-Policy").startsWith("default-src 'none'; script-src 'self'"));
    for (String none : List.of("/no.html", "/../builtin.gguf", "/%2e%2e/builtin.gguf", "/builtin.gguf", "/page"))
      assertEquals(none, 404, files.answer(Uri.parse(PageFiles.ORIGIN + none)).getStatusCode());
    for (String other : List.of("https://example.org/index.html", "http://thimble.invalid/index.html", "https://thimble.invalid:8443/index.html", "https://a@thimble.invalid/index.html", "file:///index.html"))
      assertEquals(other, 404, files.answer(Uri.parse(other)).getStatusCode());
  }

  @Test
  public void thePageGetsAPortAndItsRequestsAreAnswered() {
    openLoaded(new Intent());
    awaitEvent("started");
    say("type", "request", "id", 4, "method", "GET", "path", "/echo", "query", "", "headers", new JSONArray());
    TestApp.await("the answer comes", () -> pageEnd.getReceivedMessages().toString().contains("{\"type\":\"end\",\"id\":4}"));
  }

  @Test
  public void aPageThatIsLoadedAnewGetsANewPort() {
    MainActivity window = openLoaded(new Intent());
    awaitEvent("started");
    PagePort before = window.port();
    load(window);
    assertTrue(window.port() != before);
    assertEquals(1, app.ports().size());
    awaitEvent("started");
  }

  @Test
  public void aChangeBehindTheHashLeavesThePortAsItIs() {
    MainActivity window = openLoaded(new Intent());
    PagePort before = window.port();
    shadowOf(window.page().web).getWebViewClient().onPageFinished(window.page().web, PageView.START + "#/models");
    assertEquals(before, window.port());
    assertEquals(1, shadowOf(window.page().web).getCreatedPorts().size());
  }

  @Test
  public void addressesThatThePageDoesNotLoadLeaveOnlyWithAGesture() {
    MainActivity window = openLoaded(new Intent());
    for (boolean hasGesture : new boolean[] {false, true}) {
      assertTrue(shadowOf(window.page().web).getWebViewClient().shouldOverrideUrlLoading(window.page().web, new Request("https://example.org/", hasGesture)));
      assertEquals(hasGesture, dialog() != null);
    }
    assertFalse(shadowOf(window.page().web).getWebViewClient().shouldOverrideUrlLoading(window.page().web, new Request(PageView.START, false)));
    assertNull(shadowOf(window).getNextStartedActivity());
  }

  private static final class Request implements WebResourceRequest {
    private final String url;
    private final boolean hasGesture;

    Request(String url, boolean hasGesture) {
      this.url = url;
      this.hasGesture = hasGesture;
    }

    @Override
    public Uri getUrl() {
      return Uri.parse(url);
    }

    @Override
    public boolean isForMainFrame() {
      return true;
    }

    @Override
    public boolean isRedirect() {
      return false;
    }

    @Override
    public boolean hasGesture() {
      return hasGesture;
    }

    @Override
    public String getMethod() {
      return "GET";
    }

    @Override
    public java.util.Map<String, String> getRequestHeaders() {
      return java.util.Map.of();
    }
  }

  @Test
  public void theWebViewsEndMakesANewWindow() {
    MainActivity window = openLoaded(new Intent());
    awaitEvent("started");
    assertTrue(shadowOf(window.page().web).getWebViewClient().onRenderProcessGone(window.page().web, null));
    assertTrue("its port is gone", app.ports().isEmpty());
  }

  @Test
  public void rotationAndSplitScreenLeaveThePageAsItIs() {
    MainActivity window = openLoaded(new Intent());
    PageView page = window.page();
    Configuration turned = new Configuration(window.getResources().getConfiguration());
    turned.orientation = Configuration.ORIENTATION_LANDSCAPE;
    turned.screenWidthDp = 915;
    turned.screenHeightDp = 412;
    controller.configurationChange(turned);
    assertEquals(page, controller.get().page());
    assertFalse(window.isDestroyed());
  }

  @Test
  public void sharedTextBecomesAMessage() {
    open(send("text/plain").putExtra(Intent.EXTRA_TEXT, "read me").putExtra(Intent.EXTRA_SUBJECT, "A letter"));
    load(controller.get()); // it waited for the page
    assertEquals("A letter\n\nread me", awaitEvent("shared").optString("text"));
    controller.newIntent(send("text/plain").putExtra(Intent.EXTRA_TEXT, "and me"));
    TestApp.await("the second", () -> events("shared").size() == 2);
    assertEquals("and me", events("shared").get(1).optString("text"));
  }

  @Test
  public void aWindowThatIsMadeAnewDoesNotShareTwice() {
    openLoaded(send("text/plain").putExtra(Intent.EXTRA_TEXT, "once"));
    awaitEvent("shared");
    controller.recreate();
    load(controller.get());
    awaitEvent("started");
    assertTrue(events("shared").isEmpty());
  }

  @Test
  public void selectedTextAndTheShortcut() {
    openLoaded(new Intent(Intent.ACTION_PROCESS_TEXT).setType("text/plain").putExtra(Intent.EXTRA_PROCESS_TEXT, "a word"));
    assertEquals("a word", awaitEvent("shared").optString("text"));
    controller.newIntent(new Intent(Shares.ACTION_NEW_CHAT));
    awaitEvent("new-chat");
  }

  @Test
  public void sharedPicturesBecomeAMessage() {
    byte[] png = Base64.decode(PIXEL, Base64.DEFAULT);
    Uri uri = Uri.parse("content://com.example.gallery/pictures/1.png");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> new ByteArrayInputStream(png));
    Uri own = CameraProvider.address(app);
    Intent several = new Intent(Intent.ACTION_SEND_MULTIPLE).setType("image/png");
    several.putParcelableArrayListExtra(Intent.EXTRA_STREAM, new java.util.ArrayList<>(List.of(uri, own, uri)));
    openLoaded(several);
    JSONArray pictures = awaitEvent("shared").optJSONArray("pictures");
    assertEquals("an address of our own is not read", 2, pictures.length());
    assertEquals("1.png", pictures.optJSONObject(0).optString("name"));
    assertEquals(PIXEL, pictures.optJSONObject(0).optString("base64"));
  }

  @Test
  public void aSharedPictureThatCannotBeReadIsSaid() {
    openLoaded(send("image/png").putExtra(Intent.EXTRA_STREAM, Uri.parse("content://com.example.gone/1.png")));
    TestApp.await("it is said", () -> org.robolectric.shadows.ShadowToast.getTextOfLatestToast() != null);
    assertEquals("What the other app gave can no longer be read. Share it again.", org.robolectric.shadows.ShadowToast.getTextOfLatestToast());
  }

  @Test
  public void intentsThatMakeNoSenseAreNone() {
    for (Intent odd : List.of(send("image/png"), send("text/plain").putExtra(Intent.EXTRA_STREAM, 7), new Intent(Intent.ACTION_VIEW),
        new Intent(Intent.ACTION_VIEW, Uri.parse("file:///etc/passwd")), new Intent("no.such.action"), new Intent(Intent.ACTION_PROCESS_TEXT)))
      assertTrue(odd.toString(), Shares.read(app, odd).isEmpty());
    String longText = "x".repeat(Shares.MOST_TEXT + 5);
    assertEquals(Shares.MOST_TEXT, Shares.read(app, send("text/plain").putExtra(Intent.EXTRA_TEXT, longText)).text.length());
  }

  @Test
  public void aFileOpenedWithTheAppIsBroughtIn() throws IOException {
    openLoaded(new Intent());
    awaitEvent("started");
    byte[] model = "GGUF and more".getBytes(StandardCharsets.US_ASCII);
    Uri uri = Uri.parse("content://com.example.files/tiny.gguf");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> new ByteArrayInputStream(model));
    controller.newIntent(new Intent(Intent.ACTION_VIEW).setDataAndType(uri, "application/octet-stream"));
    TestApp.await("it is there", () -> app.model("tiny", "tiny.gguf").exists());
    TestApp.await("it is done", () -> events("import").toString().contains("done"));
  }

  @Test
  public void theSystemsPickerBringsInModels() {
    MainActivity window = openLoaded(new Intent());
    awaitEvent("started");
    say("type", "pick-model");
    ShadowActivity.IntentForResult asked = shadowOf(window).getNextStartedActivityForResult();
    assertEquals(Intent.ACTION_OPEN_DOCUMENT, asked.intent.getAction());
    Uri uri = Uri.parse("content://com.example.files/picked.gguf");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> new ByteArrayInputStream("GGUF....".getBytes(StandardCharsets.US_ASCII)));
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_OK, new Intent().setData(uri));
    TestApp.await("it is done", () -> events("import").toString().contains("done"));
  }

  private static final class Chooser extends WebChromeClient.FileChooserParams {
    private final int mode;
    private final String[] types;

    Chooser(int mode, String... types) {
      this.mode = mode;
      this.types = types;
    }

    @Override
    public int getMode() {
      return mode;
    }

    @Override
    public String[] getAcceptTypes() {
      return types;
    }

    @Override
    public boolean isCaptureEnabled() {
      return false;
    }

    @Override
    public CharSequence getTitle() {
      return null;
    }

    @Override
    public String getFilenameHint() {
      return null;
    }

    @Override
    public Intent createIntent() {
      throw new AssertionError("it knows of one file only");
    }
  }

  @Test
  public void thePagesFileChooserGivesSeveralFiles() {
    MainActivity window = openLoaded(new Intent());
    List<Uri[]> given = new java.util.ArrayList<>();
    WebChromeClient chrome = shadowOf(window.page().web).getWebChromeClient();
    assertTrue(chrome.onShowFileChooser(window.page().web, given::add, new Chooser(WebChromeClient.FileChooserParams.MODE_OPEN_MULTIPLE, "image/png", "image/jpeg")));
    ShadowActivity.IntentForResult asked = shadowOf(window).getNextStartedActivityForResult();
    assertTrue(asked.intent.getBooleanExtra(Intent.EXTRA_ALLOW_MULTIPLE, false));
    assertEquals(List.of("image/png", "image/jpeg"), List.of(asked.intent.getStringArrayExtra(Intent.EXTRA_MIME_TYPES)));
    Uri first = Uri.parse("content://com.example.gallery/1");
    ClipData clip = ClipData.newRawUri("", first);
    clip.addItem(new ClipData.Item(Uri.parse("content://com.example.gallery/2")));
    clip.addItem(new ClipData.Item(CameraProvider.address(app)));
    Intent result = new Intent();
    result.setClipData(clip);
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_OK, result);
    assertEquals(2, given.get(0).length);
    assertEquals(first, given.get(0)[0]);
    // Who turns back has chosen nothing, and may choose again.
    assertTrue(chrome.onShowFileChooser(window.page().web, given::add, new Chooser(WebChromeClient.FileChooserParams.MODE_OPEN, ".json")));
    asked = shadowOf(window).getNextStartedActivityForResult();
    assertEquals("*/*", asked.intent.getType());
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_CANCELED, null);
    assertEquals(2, given.size());
    assertNull(given.get(1));
  }

  @SuppressWarnings("deprecation") // the form that Android 9 has
  private static Object extra(Intent intent, String name) {
    return intent.getParcelableExtra(name);
  }

  private static AlertDialog dialog() {
    return ShadowAlertDialog.getLatestAlertDialog();
  }

  @Test
  public void linksAreShownWholeBeforeTheyLeave() {
    MainActivity window = openLoaded(new Intent());
    say("type", "open-link", "url", "https://example.org/?q=secret");
    assertNull("nothing has left", shadowOf(window).getNextStartedActivity());
    assertTrue(shadowOf(dialog()).getMessage().toString().startsWith("https://example.org/?q=secret\n"));
    dialog().getButton(DialogInterface.BUTTON_NEGATIVE).performClick();
    TestApp.await("the click is done", () -> true);
    assertNull("the person said no", shadowOf(window).getNextStartedActivity());
    say("type", "open-link", "url", "https://example.org/");
    dialog().getButton(DialogInterface.BUTTON_POSITIVE).performClick();
    TestApp.await("the click is done", () -> true);
    Intent left = shadowOf(window).getNextStartedActivity();
    assertEquals(Intent.ACTION_VIEW, left.getAction());
    assertEquals("https://example.org/", left.getDataString());
  }

  @Test
  public void onlyWebAddressesAreLinks() {
    MainActivity window = openLoaded(new Intent());
    for (String bad : List.of("intent://x#Intent;component=a/b;end", "file:///etc/passwd", "content://a/b", "javascript:alert(1)", "tel:123", "", "https:///x")) {
      assertFalse(bad, Links.isWebAddress(bad));
      say("type", "open-link", "url", bad);
    }
    assertNull(dialog());
    assertNull(shadowOf(window).getNextStartedActivity());
  }

  @Test
  public void whatIsSharedIsShownBefore() {
    MainActivity window = openLoaded(new Intent());
    say("type", "share", "title", "A chat", "text", "What was said");
    assertEquals("A chat\n\nWhat was said", shadowOf(dialog()).getMessage());
    dialog().getButton(DialogInterface.BUTTON_POSITIVE).performClick();
    TestApp.await("the click is done", () -> true);
    Intent chooser = shadowOf(window).getNextStartedActivity();
    assertEquals(Intent.ACTION_CHOOSER, chooser.getAction());
    Intent inside = (Intent) extra(chooser, Intent.EXTRA_INTENT);
    assertEquals("What was said", inside.getStringExtra(Intent.EXTRA_TEXT));
  }

  @Test
  public void filesAreSavedWhereThePersonSays() {
    MainActivity window = openLoaded(new Intent());
    String base64 = Base64.encodeToString("hello".getBytes(StandardCharsets.UTF_8), Base64.NO_WRAP);
    say("type", "save", "name", "chat.json", "mime", "application/json", "base64", base64);
    dialog().getButton(DialogInterface.BUTTON_POSITIVE).performClick();
    TestApp.await("the click is done", () -> true);
    ShadowActivity.IntentForResult asked = shadowOf(window).getNextStartedActivityForResult();
    assertEquals("chat.json", asked.intent.getStringExtra(Intent.EXTRA_TITLE));
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    Uri uri = Uri.parse("content://com.example.files/chat.json");
    shadowOf(app.getContentResolver()).registerOutputStream(uri, file);
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_OK, new Intent().setData(uri));
    JSONObject saved = awaitEvent("saved");
    assertTrue(saved.toString(), saved.optBoolean("ok"));
    assertEquals("chat.json", saved.optString("name"));
    assertEquals("hello", file.toString(StandardCharsets.UTF_8));
  }

  @Test
  public void aFileThatCannotBeSavedIsSaid() {
    MainActivity window = openLoaded(new Intent());
    say("type", "save", "name", "a.txt", "mime", "text/plain", "base64", "YQ==");
    dialog().getButton(DialogInterface.BUTTON_POSITIVE).performClick();
    TestApp.await("the click is done", () -> true);
    ShadowActivity.IntentForResult asked = shadowOf(window).getNextStartedActivityForResult();
    OutputStream full =
        new OutputStream() {
          @Override
          public void write(int one) throws IOException {
            throw new IOException("No space left on device");
          }
        };
    Uri uri = Uri.parse("content://com.example.files/a.txt");
    shadowOf(app.getContentResolver()).registerOutputStream(uri, full);
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_OK, new Intent().setData(uri));
    JSONObject saved = awaitEvent("saved");
    assertFalse(saved.optBoolean("ok"));
    assertEquals("a.txt could not be written there.", saved.optString("error"));
  }

  @Test
  public void theCameraWritesIntoAFileOfOurs() throws IOException {
    MainActivity window = openLoaded(new Intent());
    say("type", "camera");
    ShadowActivity.IntentForResult asked = shadowOf(window).getNextStartedActivityForResult();
    assertEquals(MediaStore.ACTION_IMAGE_CAPTURE, asked.intent.getAction());
    Uri place = (Uri) extra(asked.intent, MediaStore.EXTRA_OUTPUT);
    assertEquals("content://org.thimble.app.camera/photo.jpg", place.toString());
    assertEquals(place, asked.intent.getClipData().getItemAt(0).getUri());
    File photo = CameraProvider.photo(app);
    assertTrue(photo.exists());
    CameraProvider provider = Robolectric.setupContentProvider(CameraProvider.class, "org.thimble.app.camera");
    assertNotNull(provider.openFile(place, "w"));
    org.junit.Assert.assertThrows(
        java.io.FileNotFoundException.class, () -> provider.openFile(Uri.parse("content://org.thimble.app.camera/../no_backup/chats"), "r"));
    byte[] jpeg = {(byte) 0xFF, (byte) 0xD8, (byte) 0xFF, 1, 2, 3};
    Files.write(photo.toPath(), jpeg);
    shadowOf(window).receiveResult(asked.intent, MainActivity.RESULT_OK, null);
    JSONObject picture = awaitEvent("picture");
    assertEquals("photo.jpg", picture.optString("name"));
    assertEquals(Base64.encodeToString(jpeg, Base64.NO_WRAP), picture.optString("base64"));
    TestApp.await("it is kept no longer", () -> !photo.exists());
  }

  @Test
  public void copyingGoesToTheClipboard() {
    openLoaded(new Intent());
    say("type", "copy", "text", "to the clipboard");
    ClipData clip = app.getSystemService(ClipboardManager.class).getPrimaryClip();
    assertEquals("to the clipboard", clip.getItemAt(0).getText());
  }

  @Test
  public void picturesBeyondMemoryAreMadeSmallerAsTheyAreRead() {
    assertEquals(4000, Pictures.sides(4000, 3000)[0]);
    int[] large = Pictures.sides(8064, 6048); // 48 megapixels
    assertTrue((long) large[0] * large[1] <= Pictures.MOST_PIXELS && large[0] > 3900);
    int[] odd = Pictures.sides(Integer.MAX_VALUE, 1);
    assertTrue(odd[0] >= 1 && odd[1] >= 1);
  }

  private static Bitmap decoded(byte[] jpeg) {
    return BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length);
  }

  @Test
  @GraphicsMode(GraphicsMode.Mode.NATIVE)
  public void picturesBecomeJpeg() throws IOException {
    Bitmap bitmap = Bitmap.createBitmap(5000, 4000, Bitmap.Config.ARGB_8888); // 20 megapixels
    bitmap.eraseColor(0xFF336699);
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    assertTrue(bitmap.compress(Bitmap.CompressFormat.PNG, 100, png));
    Bitmap small = decoded(Pictures.toJpeg(png.toByteArray()));
    assertEquals(Pictures.sides(5000, 4000)[0], small.getWidth());
    assertEquals(Pictures.sides(5000, 4000)[1], small.getHeight());
  }

  private static byte[] chunk(String kind, byte[] body) {
    ByteBuffer all = ByteBuffer.allocate(12 + body.length).putInt(body.length).put(kind.getBytes(StandardCharsets.US_ASCII)).put(body);
    CRC32 crc = new CRC32();
    crc.update(all.array(), 4, 4 + body.length);
    return all.putInt((int) crc.getValue()).array();
  }

  /** A PNG in one grey. */
  private static byte[] greyPng(int width, int height) throws IOException {
    ByteArrayOutputStream rows = new ByteArrayOutputStream();
    try (DeflaterOutputStream packed = new DeflaterOutputStream(rows)) {
      for (int y = 0; y < height; y++) packed.write(new byte[1 + width]);
    }
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    png.write(new byte[] {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'});
    png.write(chunk("IHDR", ByteBuffer.allocate(13).putInt(width).putInt(height).put((byte) 8).array()));
    png.write(chunk("IDAT", rows.toByteArray()));
    png.write(chunk("IEND", new byte[0]));
    return png.toByteArray();
  }

  @Test
  @Config(sdk = 35)
  @GraphicsMode(GraphicsMode.Mode.NATIVE)
  public void fortyEightMegapixelsAreScaled() throws IOException {
    BitmapFactory.Options sides = new BitmapFactory.Options();
    sides.inJustDecodeBounds = true;
    byte[] jpeg = Pictures.toJpeg(greyPng(8064, 6048));
    BitmapFactory.decodeByteArray(jpeg, 0, jpeg.length, sides);
    assertEquals(Pictures.sides(8064, 6048)[0], sides.outWidth);
    assertEquals(Pictures.sides(8064, 6048)[1], sides.outHeight);
  }

  /** A photograph of a kind that the decoder here does not know, as a phone without HEIF does not. What came with it is not lost. */
  @Test
  @GraphicsMode(GraphicsMode.Mode.NATIVE)
  public void aHeicThatAndroidCannotReadIsSaidAndTheTextComes() {
    byte[] heic = new byte[4096];
    byte[] begin = "\0\0\0\30ftypheic\0\0\0\0mif1heic".getBytes(StandardCharsets.ISO_8859_1);
    System.arraycopy(begin, 0, heic, 0, begin.length);
    Uri uri = Uri.parse("content://com.example.gallery/pictures/1.heic");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> new ByteArrayInputStream(heic));
    openLoaded(send("image/heic").putExtra(Intent.EXTRA_STREAM, uri).putExtra(Intent.EXTRA_TEXT, "What is this?"));
    JSONObject shared = awaitEvent("shared");
    assertEquals("What is this?", shared.optString("text"));
    assertEquals(0, shared.optJSONArray("pictures").length());
    String said = org.robolectric.shadows.ShadowToast.getTextOfLatestToast();
    assertTrue(said, said.startsWith("This picture cannot be read"));
  }

  @Test
  public void aPictureBeyondAllBoundsIsNotReadToItsEnd() {
    long[] read = {0};
    java.io.InputStream endless =
        new java.io.InputStream() {
          @Override
          public int read() {
            return 0;
          }

          @Override
          public int read(byte[] into, int offset, int length) {
            read[0] += length;
            return length;
          }
        };
    Uri uri = Uri.parse("content://com.example.gallery/pictures/endless.heic");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> endless);
    IOException fault = org.junit.Assert.assertThrows(IOException.class, () -> Shares.picture(app.getContentResolver(), uri, app.sentences()));
    assertTrue(fault.getMessage(), fault.getMessage().contains("no picture that large is read"));
    assertTrue(read[0] <= Pictures.MOST_BYTES + (1 << 20));
  }

  @Test
  @GraphicsMode(GraphicsMode.Mode.NATIVE)
  public void aPictureThatIsNoneIsAnAnswerAllTheSame() {
    openLoaded(new Intent());
    say("type", "decode", "id", 12, "name", "a.heic", "base64", "bm8gcGljdHVyZQ==");
    TestApp.await("it is answered", () -> pageEnd.getReceivedMessages().toString().contains("\"type\":\"decoded\""));
    assertTrue(pageEnd.getReceivedMessages().toString().contains("This picture cannot be read"));
  }

  @Test
  public void openingAModelThatKilledTheEngineIsRefusedAfterwards() {
    openLoaded(new Intent());
    awaitEvent("started");
    TestApp.await("the models are known", () -> !app.requests("GET", "/thimble/v1/models").isEmpty());
    say("type", "request", "id", 1, "method", "POST", "path", "/thimble/v1/models/huge/open", "query", "", "headers", new JSONArray(), "text", "{}");
    awaitEvent("died");
    TestApp.await("it runs again", () -> events("started").size() == 2);
    say("type", "request", "id", 2, "method", "POST", "path", "/thimble/v1/models/huge/open", "query", "", "headers", new JSONArray(), "text", "{}");
    TestApp.await("it is refused", () -> pageEnd.getReceivedMessages().toString().contains("\"status\":409"));
    String all = pageEnd.getReceivedMessages().toString();
    assertTrue(all, all.contains("Opening huge ended the app the last time"));
    assertEquals("it did not reach the engine", 1, app.requests("POST", "/thimble/v1/models/huge/open").size());
    assertEquals("huge", app.start().ended());
    say("type", "request", "id", 3, "method", "POST", "path", "/thimble/v1/models/small/open", "query", "", "headers", new JSONArray(), "text", "{}");
    TestApp.await("another is opened", () -> app.requests("POST", "/thimble/v1/models/small/open").size() == 1);
    TestApp.await("and that is known", () -> !app.start().isOpening("small"));
  }
}
