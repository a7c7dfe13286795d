// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.io.Closeable;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONObject;

/**
 * The native program as a child process, spoken to in {@link Lines}. It runs from the folder where the system unpacked it, the only one
 * from which an app may start programs.
 */
final class Child implements Closeable {
  interface Listener {
    /** On the child's reading thread, in order. */
    void onFrame(Child from, Lines.Frame frame);

    /** Once, behind the last frame. `fault`: what could not be read of it, else empty. */
    void onEnd(Child from, int status, String fault);
  }

  private static final class Sent {
    final JSONObject head;
    final byte[] bytes;
    final CountDownLatch written; // null: nobody waits

    Sent(JSONObject head, byte[] bytes, CountDownLatch written) {
      this.head = head;
      this.bytes = bytes;
      this.written = written;
    }
  }

  private static final long SECONDS_TO_END = 5;

  private final Process process;
  private final Listener listener;
  private final BlockingQueue<Sent> queue = new LinkedBlockingQueue<>();
  private final Sent last = new Sent(Json.of("stop", true), null, null);
  private volatile boolean isOver;

  /** Starts the program in `folder`; `errors` gets what it says beside the lines. IOException where it cannot be started. */
  Child(List<String> command, File folder, File errors, Listener listener) throws IOException {
    this.listener = listener;
    ProcessBuilder builder = new ProcessBuilder(command).directory(folder).redirectError(errors);
    Map<String, String> environment = builder.environment();
    environment.clear();
    environment.put("HOME", folder.getPath());
    environment.put("TMPDIR", folder.getPath());
    process = builder.start();
    start("child-output", this::read);
    start("child-input", this::write);
  }

  private static void start(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Puts a frame behind those that are on their way; does not wait. What comes after the child's end is dropped. */
  void send(JSONObject head, byte[] bytes) {
    if (!isOver) queue.add(new Sent(head, bytes, null));
  }

  /** The same, and waits until the child's pipe has taken it, so that who reads a large file never has more than a piece in memory. */
  void sendAndWait(JSONObject head, byte[] bytes) throws IOException, InterruptedException {
    Sent sent = new Sent(head, bytes, new CountDownLatch(1));
    queue.add(sent);
    while (!sent.written.await(200, TimeUnit.MILLISECONDS)) {
      if (isOver) throw new IOException("the child has ended");
    }
  }

  private void write() {
    try (OutputStream out = process.getOutputStream()) {
      while (true) {
        Sent sent = queue.take();
        Lines.write(out, sent.head, sent.bytes);
        if (sent.written != null) sent.written.countDown();
        if (sent == last) return;
      }
    } catch (IOException closed) {
      process.destroy(); // who does not read will not answer; the reading thread tells of the end
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void read() {
    String fault = "";
    try {
      Lines.Reader lines = new Lines.Reader(process.getInputStream());
      for (Lines.Frame frame; (frame = lines.next()) != null; ) listener.onFrame(this, frame);
    } catch (IOException broken) {
      fault = broken.getMessage();
      process.destroy();
    }
    int status = -1;
    try {
      status = process.waitFor();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
    isOver = true;
    queue.add(last); // frees the writing thread; its pipe is closed
    listener.onEnd(this, status, fault == null ? "" : fault);
  }

  /** Asks it to end, which keeps what is written; ends it where it has not after some seconds. Does not wait. */
  @Override
  public void close() {
    queue.add(last);
    start(
        "child-end",
        () -> {
          try {
            if (!process.waitFor(SECONDS_TO_END, TimeUnit.SECONDS)) process.destroyForcibly();
          } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
          }
        });
  }
}
