// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.robolectric.Shadows.shadowOf;

import android.content.Context;
import android.net.Uri;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/** What the app of version 0.6 has written is still read (tests/data/v0.6/README.md). */
@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en")
public class BeforeTest {
  private final TestApp app = TestApp.get();

  @After
  public void endTheChild() {
    app.engine().close();
  }

  @Test
  public void anImportThatWasUnderWayGoesOn() throws IOException {
    File before = new File(System.getProperty("thimble.java"), "../../../tests/data/v0.6/app/import.json");
    File journal = new File(app.getNoBackupFilesDir(), "import.json");
    Files.copy(before.toPath(), journal.toPath());
    byte[] bytes = new byte[9 << 20];
    Arrays.fill(bytes, (byte) 3);
    System.arraycopy("GGUF".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, 4);
    Uri uri = Uri.parse("content://com.example.files/document/large.gguf");
    shadowOf(app.getContentResolver()).registerInputStreamSupplier(uri, () -> new ByteArrayInputStream(bytes));
    TestApp.FakePage page = app.startedPage(); // as at each start
    TestApp.await(
        "it has gone on; it was told " + page.events("import"),
        () -> page.events("import").stream().anyMatch(event -> event.optString("state").equals("done")));
    assertArrayEquals(bytes, Files.readAllBytes(app.model("large", "large.gguf").toPath()));
    assertFalse(journal.exists());
  }

  @Test
  public void whatItKeptInPreferences() {
    app.getSharedPreferences("start", Context.MODE_PRIVATE).edit().putString("opening", "large").commit();
    assertEquals("it was being opened when the app was ended", "large", new Start(app, app.sentences()).ended());
    app.getSharedPreferences("start", Context.MODE_PRIVATE).edit().clear().putString("ended", "huge").commit();
    assertEquals("huge", new Start(app, app.sentences()).ended());
    app.getSharedPreferences("phone", Context.MODE_PRIVATE).edit().putString("mode", "cool").commit();
    assertEquals("cool", new Phone(app, readings -> {}).mode());
  }
}
