// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import org.json.JSONArray;
import org.json.JSONObject;

/** One request of the app's own to the service, waited for. Not on the main thread. */
final class ServiceCall implements Engine.Answer {
  private static final int MOST_ANSWER = 4 << 20;

  private final CountDownLatch over = new CountDownLatch(1);
  private final ByteArrayOutputStream answer = new ByteArrayOutputStream(); // the child's thread, then, behind `over`, the caller's
  private volatile int status;
  private volatile String failed;

  /** The service answered, with a refusal. */
  static final class RefusedException extends IOException {
    private static final long serialVersionUID = 1;
    final int status;

    RefusedException(int status, String message) {
      super(message);
      this.status = status;
    }
  }

  /** The answer's JSON; empty where it has none. RefusedException for a status that is not 2xx; IOException where none comes. */
  static JSONObject ask(Engine engine, String method, String path) throws IOException, InterruptedException {
    ServiceCall call = new ServiceCall();
    engine.request(method, path, "", new JSONArray(), null, false, call);
    return call.get();
  }

  /** Whether the answer has come already, as it does where what follows of a body would be in vain. */
  boolean isOver() {
    return over.getCount() == 0;
  }

  JSONObject get() throws IOException, InterruptedException {
    over.await();
    if (failed != null) throw new IOException(failed);
    String text = new String(answer.toByteArray(), StandardCharsets.UTF_8);
    if (status < 200 || status > 299) throw new RefusedException(status, Json.errorOf(text));
    return text.isEmpty() ? new JSONObject() : Json.parse(text);
  }

  @Override
  public void onHead(int answered, JSONArray headers) {
    status = answered;
  }

  @Override
  public void onPart(byte[] bytes) {
    if (answer.size() + bytes.length <= MOST_ANSWER) answer.write(bytes, 0, bytes.length);
  }

  @Override
  public void onEnd() {
    over.countDown();
  }

  @Override
  public void onFailed(String message) {
    failed = message;
    over.countDown();
  }
}
