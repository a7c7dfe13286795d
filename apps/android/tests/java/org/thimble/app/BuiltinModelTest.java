// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import org.junit.After;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

/** The package's model as a file, also where storage ran out or the app was killed while it was written. */
@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en")
public class BuiltinModelTest {
  private static final int BYTES = 100_000; // of the asset (tests/run)

  private final TestApp app = TestApp.get();
  private final File folder = new File(app.getNoBackupFilesDir(), "builtin");

  @After
  public void endTheChild() {
    app.engine().close();
  }

  private File get(String version) {
    return new BuiltinModel(app.getAssets(), folder, version).get();
  }

  @Test
  public void itIsWrittenOnceForEachVersion() throws IOException {
    assertTrue(folder.mkdirs());
    File first = get("1.2.3");
    assertEquals(BYTES, first.length());
    Files.write(first.toPath(), new byte[] {7});
    assertEquals(first, get("1.2.3"));
    assertArrayEquals("what is there is not written again", new byte[] {7}, Files.readAllBytes(first.toPath()));
    File second = get("1.2.4");
    assertEquals(BYTES, second.length());
    assertArrayEquals("the one before takes no room any more", new String[] {second.getName()}, folder.list());
  }

  @Test
  public void whatAKillHasLeftIsWrittenAnew() throws IOException {
    assertTrue(folder.mkdirs());
    Files.write(new File(folder, "next").toPath(), new byte[BYTES / 2]);
    File file = get("1.2.3");
    assertEquals(BYTES, file.length());
    assertArrayEquals(new String[] {file.getName()}, folder.list());
  }

  @Test
  public void whereItCannotBeWrittenTheAppDoesWithout() throws IOException {
    Files.write(folder.toPath(), new byte[0]); // no folder: nothing can be written into it
    assertNull(get("1.2.3"));
    TestApp.FakePage page = app.startedPage();
    assertFalse(app.lines("start").get(0).optJSONObject("start").has("builtin"));
    page.chat(1, "it answers all the same");
    page.awaitAnswer(1);
    assertEquals(200, page.status(1));
  }
}
