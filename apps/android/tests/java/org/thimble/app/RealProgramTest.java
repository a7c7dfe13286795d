// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.util.List;
import org.json.JSONException;
import org.json.JSONObject;
import org.junit.After;
import org.junit.Assume;
import org.junit.Before;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;

/** The same lines with the real native program, where apps/android/tests/run was given one (--native). */
@RunWith(RobolectricTestRunner.class)
public class RealProgramTest {
  private static final int AARCH64 = 183;

  private final TestApp app = TestApp.get();

  @Before
  public void takeTheProgram() throws IOException {
    String program = System.getProperty("thimble.native", "");
    Assume.assumeFalse("no program was given", program.isEmpty());
    byte[] head = new byte[20];
    try (FileInputStream in = new FileInputStream(program)) {
      assertEquals(20, in.read(head));
    }
    boolean isArm = (head[18] & 0xFF) == AARCH64 && System.getProperty("os.arch").equals("amd64");
    app.ownCommand = isArm ? List.of("/usr/bin/qemu-aarch64", "-cpu", "max", program) : List.of(program);
  }

  @After
  public void endTheChild() {
    app.engine().close();
  }

  @Test
  public void itStartsAndAnswersTheServicesRoutes() throws JSONException {
    TestApp.FakePage page = app.startedPage();
    assertFalse(page.events("started").get(0).optString("isa").isEmpty());
    page.ask(1, "GET", "/thimble/v1/models", "");
    page.awaitAnswer(1);
    assertEquals(page.text(1), 200, page.status(1));
    assertTrue(new JSONObject(page.text(1)).has("models"));
    page.ask(2, "GET", "/no/such/route", "");
    page.awaitAnswer(2);
    assertEquals(404, page.status(2));
    page.ask(3, "PUT", "/thimble/v1/models/none/none.gguf", "no model");
    page.awaitAnswer(3);
    assertTrue(page.text(3), page.status(3) >= 400);
  }
}
