// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;
import static org.robolectric.Shadows.shadowOf;

import android.net.Uri;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.json.JSONArray;
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

  private List<File> modelFiles() {
    String files = System.getProperty("thimble.model", "");
    Assume.assumeFalse("no model was given", files.isEmpty());
    List<File> all = new ArrayList<>();
    for (String file : files.split(",", -1)) all.add(new File(file));
    return all;
  }

  private Uri lend(File file) {
    Uri uri = Uri.parse("content://com.example.files/" + file.getName());
    shadowOf(app.getContentResolver())
        .registerInputStreamSupplier(
            uri,
            () -> {
              try {
                return new FileInputStream(file);
              } catch (IOException fault) {
                throw new UncheckedIOException(fault);
              }
            });
    return uri;
  }

  private static String lastState(TestApp.FakePage page) {
    List<JSONObject> all = page.events("import");
    return all.isEmpty() ? "" : all.get(all.size() - 1).optString("state");
  }

  @Test
  public void aModelIsImportedOpenedAndAnswers() throws JSONException {
    List<Uri> files = new ArrayList<>();
    for (File file : modelFiles()) files.add(lend(file));
    TestApp.FakePage page = app.startedPage();
    app.bringIn(files);
    TestApp.await("the import is over: " + page.events("import"), () -> lastState(page).equals("done") || lastState(page).equals("failed"));
    JSONObject told = page.events("import").get(page.events("import").size() - 1);
    assertEquals(told.toString(), "done", told.optString("state"));
    String name = told.optString("name");
    page.ask(1, "POST", "/thimble/v1/models/" + name + "/open", "{}");
    page.awaitAnswer(1);
    assertEquals(page.text(1), 202, page.status(1));
    long[] id = {10};
    TestApp.await(
        "it is open",
        () -> {
          page.ask(++id[0], "GET", "/thimble/v1/models", "");
          page.awaitAnswer(id[0]);
          for (JSONObject model : Json.objects(modelsIn(page.text(id[0])))) {
            if (model.optString("name").equals(name)) return model.optBoolean("open");
          }
          return false;
        });
    String body = "{\"messages\":[{\"role\":\"user\",\"content\":\"Grüße\"}],\"max_tokens\":8,\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    page.ask(2, "POST", "/v1/chat/completions", body);
    page.awaitAnswer(2);
    assertEquals(page.text(2), 200, page.status(2));
    assertTrue(page.text(2), page.text(2).contains("data: [DONE]"));
    TestApp.await("its cost is told", () -> !page.events("cost").isEmpty());
  }

  private static JSONArray modelsIn(String text) {
    try {
      return new JSONObject(text).optJSONArray("models");
    } catch (JSONException fault) {
      throw new AssertionError(text, fault);
    }
  }

  @Test
  public void aFileThatIsNoModelIsRefused() throws IOException {
    File file = new File(app.getCacheDir(), "noise.gguf");
    Files.write(file.toPath(), new byte[3 << 20]);
    TestApp.FakePage page = app.startedPage();
    app.bringIn(List.of(lend(file)));
    TestApp.await("it is refused", () -> lastState(page).equals("failed"));
    JSONObject told = page.events("import").get(page.events("import").size() - 1);
    assertFalse(told.optString("message").isEmpty());
    page.ask(1, "GET", "/thimble/v1/models", "");
    page.awaitAnswer(1);
    assertFalse(page.text(1), page.text(1).contains("noise"));
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
