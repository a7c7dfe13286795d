// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.app.NotificationManager;
import android.net.Uri;
import android.provider.OpenableColumns;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;
import org.robolectric.fakes.RoboCursor;
import org.robolectric.shadows.ShadowStatFs;

/** Files that other apps hold, on their way into the child's store. */
@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en")
public class ImporterTest {
  private static final int MIB = 1 << 20;

  private final TestApp app = TestApp.get();

  @After
  public void endTheChild() {
    app.engine().close();
  }

  private static byte[] model(int bytes) {
    byte[] all = new byte[bytes];
    new Random(7).nextBytes(all);
    System.arraycopy("GGUF".getBytes(StandardCharsets.US_ASCII), 0, all, 0, 4);
    return all;
  }

  /** A file with a name and a length, of a provider that says both; `said` below zero: it does not say the length. */
  @SuppressWarnings("deprecation") // what takes their place needs a provider of its own for each address
  private Uri file(String name, long said, Supplier<InputStream> stream) {
    Uri uri = Uri.parse("content://com.example.files/document/" + name);
    RoboCursor cursor = new RoboCursor();
    cursor.setColumnNames(List.of(OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE));
    cursor.setResults(new Object[][] {{name, said < 0 ? null : said}});
    shadowOf(app.getContentResolver()).setCursor(uri, cursor);
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, stream);
    return uri;
  }

  private Uri file(String name, byte[] bytes) {
    return file(name, bytes.length, () -> new ByteArrayInputStream(bytes));
  }

  private static String states(TestApp.FakePage page) {
    return page.events("import").stream().map(event -> event.optString("state")).collect(java.util.stream.Collectors.joining(" "));
  }

  private static JSONObject last(TestApp.FakePage page, String state) {
    TestApp.await(
        "the import is " + state + "; it was told " + page.events("import"),
        () -> page.events("import").stream().anyMatch(event -> event.optString("state").equals(state)));
    List<JSONObject> all = page.events("import");
    return all.get(all.size() - 1);
  }

  private void assertArrived(String model, String name, byte[] bytes) throws IOException {
    assertArrayEquals(bytes, Files.readAllBytes(app.model(model, name).toPath()));
    assertFalse("nothing is under way any more", new File(app.getNoBackupFilesDir(), "import.json").exists());
  }

  @Test
  public void aFileArrivesInPieces() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(19 * MIB + 5);
    app.bringIn(List.of(file("Qwen3.5-0.8B-Q4_K_M.gguf", bytes)));
    JSONObject told = last(page, "done");
    assertEquals("Qwen3.5-0.8B-Q4_K_M", told.optString("name"));
    assertEquals(bytes.length, told.optLong("bytes"));
    assertArrived("Qwen3.5-0.8B-Q4_K_M", "Qwen3.5-0.8B-Q4_K_M.gguf", bytes);
    List<JSONObject> sent = app.requests("PUT", "/thimble/v1/models/Qwen3.5-0.8B-Q4_K_M/Qwen3.5-0.8B-Q4_K_M.gguf");
    assertEquals(3, sent.size());
    assertEquals("bytes 8388608-16777215/19922949", TestApp.header(sent.get(1), "content-range"));
    for (JSONObject line : app.lines()) assertTrue("pieces of 1 MiB", line.optInt("bytes") <= MIB);
    List<JSONObject> events = page.events("import");
    assertTrue(events.stream().anyMatch(event -> event.optString("state").equals("copying") && event.optLong("bytes") > 0));
    assertTrue(events.stream().anyMatch(event -> event.optString("state").equals("packing")));
    NotificationManager notices = app.getSystemService(NotificationManager.class);
    assertEquals("Qwen3.5-0.8B-Q4_K_M is here", shadowOf(notices).getNotification(Notices.IMPORT).extras.getString("android.title"));
  }

  @Test
  public void theVisionFileGoesFirst() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] weights = model(3 * MIB);
    byte[] eyes = model(MIB);
    app.bringIn(List.of(file("Qwen-2B.gguf", weights), file("mmproj-Qwen-2B.gguf", eyes)));
    JSONObject told = last(page, "done");
    assertEquals("Qwen-2B", told.optString("name"));
    assertEquals(weights.length + eyes.length, told.optLong("total"));
    assertArrived("Qwen-2B", "mmproj-Qwen-2B.gguf", eyes);
    assertArrived("Qwen-2B", "Qwen-2B.gguf", weights);
    List<JSONObject> puts = app.lines("request");
    puts.removeIf(line -> !line.optString("method").equals("PUT"));
    assertTrue(puts.get(0).optString("path"), puts.get(0).optString("path").contains("mmproj"));
  }

  @Test
  public void aPickerThatDoesNotSayHowLongAFileIs() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(9 * MIB + 1);
    app.bringIn(List.of(file("streamed.gguf", -1, () -> new ByteArrayInputStream(bytes))));
    assertEquals(bytes.length, last(page, "done").optLong("total"));
    assertArrived("streamed", "streamed.gguf", bytes);
  }

  @Test
  public void aFullDiskIsSaidBeforeAnythingIsSent() {
    ShadowStatFs.registerStats(app.getNoBackupFilesDir(), 1000, 10, 10); // blocks of 4096 bytes
    app.free = Importer.freeOf(app.getNoBackupFilesDir());
    assertEquals(40960, app.free);
    TestApp.FakePage page = app.startedPage();
    app.bringIn(List.of(file("model.gguf", model(2_000_000))));
    String said = last(page, "failed").optString("message");
    assertEquals("Adding it needs 4.0 MB of free storage, and 41 kB are free. Make room, and pick the file again.", said);
    assertTrue("nothing was sent", app.requests("PUT", "/thimble/v1/models/model/model.gguf").isEmpty());
  }

  @Test
  public void aDiskThatFillsUpOnTheWayIsSaidAndWhatIsThereStays() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(20 * MIB);
    File full = new File(app.getNoBackupFilesDir(), "models/full");
    Files.write(full.toPath(), Integer.toString(10 * MIB).getBytes(StandardCharsets.US_ASCII));
    app.bringIn(List.of(file("large.gguf", bytes)));
    String said = last(page, "failed").optString("message");
    assertTrue(said, said.contains("the disk is full"));
    assertEquals("what was whole is there", 8 * MIB, app.model("large", "large.gguf").length());
    assertFalse("no start tries in vain again", new File(app.getNoBackupFilesDir(), "import.json").exists());
    page.chat(4, "the service still answers");
    page.awaitAnswer(4);
    assertEquals(200, page.status(4));
    // With room, and picked again, it goes on.
    assertTrue(full.delete());
    app.bringIn(List.of(file("large.gguf", bytes)));
    last(page, "done");
    assertArrived("large", "large.gguf", bytes);
    List<JSONObject> sent = app.requests("PUT", "/thimble/v1/models/large/large.gguf");
    assertTrue(TestApp.header(sent.get(2), "content-range").startsWith("bytes 8388608-"));
  }

  @Test
  public void aFileThatIsNoModelIsRefusedInASentence() {
    TestApp.FakePage page = app.startedPage();
    app.bringIn(List.of(file("broken.gguf", new byte[MIB])));
    String said = last(page, "failed").optString("message");
    assertTrue(said, said.contains("it is no model"));
    assertFalse(new File(app.getNoBackupFilesDir(), "import.json").exists());
    app.bringIn(List.of(file("holiday.mp4", new byte[MIB])));
    TestApp.await("the second is refused", () -> page.events("import").stream().filter(one -> one.optString("state").equals("failed")).count() == 2);
    assertTrue(last(page, "failed").optString("message").startsWith("holiday.mp4 is no file of a model"));
  }

  @Test
  public void halfADownloadIsRefusedInASentence() {
    TestApp.FakePage page = app.startedPage();
    byte[] half = model(MIB);
    app.bringIn(List.of(file("half.gguf", 2L * MIB, () -> new ByteArrayInputStream(half))));
    assertTrue(last(page, "failed").optString("message").startsWith("half.gguf is not as long as was said"));
    page.chat(4, "the service still answers");
    page.awaitAnswer(4);
    assertEquals(200, page.status(4));
  }

  /** A stream that ends with a fault when so many bytes are read, as a kill of the app ends it. */
  private static InputStream breaking(byte[] bytes, int at) {
    return new InputStream() {
      private int read;

      @Override
      public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
      }

      @Override
      public int read(byte[] into, int offset, int length) throws IOException {
        if (read >= at) throw new IOException("cut off");
        int count = Math.min(length, at - read);
        System.arraycopy(bytes, read, into, offset, count);
        read += count;
        return count;
      }
    };
  }

  @Test
  public void whatWasUnderWayGoesOnAfterTheAppWasKilled() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(20 * MIB);
    int[] opened = {0};
    Supplier<InputStream> stream = () -> opened[0]++ == 0 ? breaking(bytes, 11 * MIB) : new ByteArrayInputStream(bytes);
    app.bringIn(List.of(file("large.gguf", bytes.length, stream)));
    last(page, "failed");
    assertTrue("it stands written down", new File(app.getNoBackupFilesDir(), "import.json").exists());
    assertEquals("what was whole is there", 8 * MIB, app.model("large", "large.gguf").length());
    // The next run of the app: another importer over the same folders.
    Importer next =
        new Importer(app, app.engine(), app.getNoBackupFilesDir(), app.sentences(), () -> Long.MAX_VALUE,
            (name, there, total, state, message) -> app.tellAll("next", "state", state.name(), "message", message));
    next.resume();
    TestApp.await("it has gone on", () -> page.events("next").stream().anyMatch(one -> one.optString("state").equals("DONE")));
    assertArrived("large", "large.gguf", bytes);
    List<JSONObject> sent = app.requests("PUT", "/thimble/v1/models/large/large.gguf");
    assertEquals("from where it stopped", "bytes 8388608-16777215/20971520", TestApp.header(sent.get(1), "content-range"));
    assertEquals(3, sent.size());
  }

  @Test
  public void whatIsWholeAlreadyIsHereWhenTheEngineHasMadeAModelOfIt() throws IOException {
    Importer.lookMs = 1;
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(MIB);
    for (String name : List.of("large", "other")) {
      // The second time nothing is sent, and only the list of models says what became of it, where "other" is not.
      for (int time = 0; time < 2; time++) {
        int before = page.events("import").size();
        app.bringIn(List.of(file(name + ".gguf", bytes)));
        TestApp.await("it is over", () -> page.events("import").size() > before && states(page).matches(".*(done|failed)") && !app.importer().isBusy());
      }
      List<JSONObject> events = page.events("import");
      JSONObject end = events.get(events.size() - 1);
      assertTrue(name + ": " + events, states(page).endsWith(name.equals("large") ? "packing done" : "packing failed"));
      if (name.equals("other")) assertTrue(end.optString("message"), end.optString("message").startsWith("other could not be made ready"));
      assertEquals("sent once", 1, app.requests("PUT", "/thimble/v1/models/" + name + "/" + name + ".gguf").size());
    }
  }

  @Test
  public void theEnginesDeathDoesNotEndAnImport() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(20 * MIB);
    File dies = new File(app.getNoBackupFilesDir(), "models/dies");
    Files.write(dies.toPath(), Integer.toString(16 * MIB).getBytes(StandardCharsets.US_ASCII));
    app.bringIn(List.of(file("large.gguf", bytes)));
    last(page, "done");
    assertEquals(1, page.events("died").size());
    assertArrived("large", "large.gguf", bytes);
  }

  @Test
  public void aRevokedPermissionIsSaidAndWhatIsThereStays() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(20 * MIB);
    int[] opened = {0};
    Supplier<InputStream> stream =
        () -> {
          if (opened[0]++ == 0) return breaking(bytes, 9 * MIB);
          throw new SecurityException("Permission Denial");
        };
    Uri uri = file("large.gguf", bytes.length, stream);
    app.bringIn(List.of(uri));
    last(page, "failed");
    app.importer().resume();
    TestApp.await("it is refused", () -> page.events("import").stream().filter(one -> one.optString("state").equals("failed")).count() == 2);
    assertTrue(last(page, "failed").optString("message").startsWith("The permission to read large is gone."));
    assertEquals(8 * MIB, app.model("large", "large.gguf").length());
    assertFalse("no start asks in vain again", new File(app.getNoBackupFilesDir(), "import.json").exists());
    // Picked again, it goes on.
    app.bringIn(List.of(file("large.gguf", bytes)));
    last(page, "done");
    assertArrived("large", "large.gguf", bytes);
    JSONObject anew = app.requests("PUT", "/thimble/v1/models/large/large.gguf").get(1);
    assertTrue(TestApp.header(anew, "content-range").startsWith("bytes 8388608-"));
  }

  @Test
  public void anotherFileOfTheSameNameAndLengthIsNotPutBehindTheFirst() throws IOException {
    TestApp.FakePage page = app.startedPage();
    byte[] first = model(20 * MIB);
    byte[] second = first.clone();
    second[5 * MIB]++;
    app.bringIn(List.of(file("twin.gguf", first.length, () -> breaking(first, 9 * MIB))));
    last(page, "failed");
    app.bringIn(List.of(file("twin.gguf", second)));
    TestApp.await("it is refused", () -> page.events("import").stream().filter(one -> one.optString("state").equals("failed")).count() == 2);
    assertTrue(last(page, "failed").optString("message").contains("another SHA-256"));
    app.bringIn(List.of(file("twin.gguf", second)));
    last(page, "done");
    assertArrived("twin", "twin.gguf", second);
  }

  @Test
  public void aFileThatIsGoneIsSaid() {
    TestApp.FakePage page = app.startedPage();
    Supplier<InputStream> gone =
        () -> {
          throw new java.io.UncheckedIOException(new FileNotFoundException("deleted"));
        };
    app.bringIn(List.of(file("gone.gguf", 1000, gone)));
    assertTrue(last(page, "failed").optString("message").startsWith("gone can no longer be read."));
  }

  @Test
  public void cancellingDeletesWhatHasCome() {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(9 * MIB);
    InputStream endless =
        new InputStream() {
          private int at;

          @Override
          public int read() {
            return 0;
          }

          @Override
          public int read(byte[] into, int offset, int length) throws IOException {
            if (at >= 9 * MIB) { // here the person cancels
              app.importer().cancel("slow");
            }
            for (int i = 0; i < length; i++) into[offset + i] = bytes[(at + i) % bytes.length];
            at += length;
            return length;
          }
        };
    app.bringIn(List.of(file("slow.gguf", 1L << 40, () -> endless)));
    assertEquals("Cancelled.", last(page, "failed").optString("message"));
    assertEquals(1, app.requests("DELETE", "/thimble/v1/models/slow").size());
    TestApp.await("it is deleted", () -> !app.model("slow", "slow.gguf").exists());
    assertFalse(new File(app.getNoBackupFilesDir(), "import.json").exists());
  }

  @Test
  public void whatWaitsForTheNextStartCanBeCancelled() {
    TestApp.FakePage page = app.startedPage();
    byte[] bytes = model(20 * MIB);
    app.bringIn(List.of(file("large.gguf", bytes.length, () -> breaking(bytes, 9 * MIB))));
    last(page, "failed");
    File journal = new File(app.getNoBackupFilesDir(), "import.json");
    assertTrue(journal.exists());
    app.importer().cancel("large");
    TestApp.await("all of it is gone", () -> !journal.exists() && !app.model("large", "large.gguf").exists());
  }

  @Test
  public void oneImportAtATime() {
    TestApp.FakePage page = app.startedPage();
    java.util.concurrent.CountDownLatch goOn = new java.util.concurrent.CountDownLatch(1);
    byte[] bytes = model(MIB);
    InputStream waits =
        new ByteArrayInputStream(bytes) {
          @Override
          public synchronized int read(byte[] into, int offset, int length) {
            try {
              goOn.await();
            } catch (InterruptedException interrupted) {
              throw new AssertionError(interrupted);
            }
            return super.read(into, offset, length);
          }
        };
    app.bringIn(List.of(file("one.gguf", bytes.length, () -> waits)));
    TestApp.await("it runs", () -> app.importer().isBusy());
    app.bringIn(List.of(file("two.gguf", bytes)));
    assertTrue(last(page, "failed").optString("message").startsWith("Another model is being added."));
    goOn.countDown();
    assertEquals("one", last(page, "done").optString("name"));
  }

  @Test
  public void addressesThatAreNotAnotherAppsAreNotRead() {
    String own = app.getPackageName();
    assertTrue(PickedFile.isForeign(Uri.parse("content://com.example.files/a"), own));
    for (String bad : List.of("file:///data/data/org.thimble.app/x", "content://org.thimble.app.camera/photo.jpg", "content://10@org.thimble.app.camera/photo.jpg", "https://example.org/x", "content:///x"))
      assertFalse(bad, PickedFile.isForeign(Uri.parse(bad), own));
    assertFalse(PickedFile.isForeign(null, own));
  }

  @Test
  public void namesLeadNowhere() {
    assertEquals("passwd", PickedFile.plainName("../../etc/passwd"));
    assertEquals("a-b.gguf", PickedFile.plainName(".a b.gguf"));
    assertEquals("model", PickedFile.plainName(".."));
    assertEquals("model", PickedFile.plainName(null));
    assertEquals("model.gguf", PickedFile.plainName("日本.gguf"));
    assertEquals("x".repeat(100) + ".gguf", PickedFile.plainName("x".repeat(500) + ".gguf"));
    PickedFile split = new PickedFile(Uri.EMPTY, "big-00001-of-00002.gguf", 5);
    assertEquals("big", PickedFile.modelName(List.of(split, new PickedFile(Uri.EMPTY, "mmproj.gguf", 9))));
  }
}
