// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.util.Base64;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * One page's end of the message port: its requests go to the engine, answers and events come back, all of one frame of the screen in
 * one string. Messages to it may come from any thread; strings leave on the one that `Frames` runs things on.
 */
final class PagePort {
  static final int BODY_PIECE = 1 << 20;

  /** Runs something before the next frame is drawn, on the thread of the page. */
  interface Frames {
    void atNext(Runnable work);
  }

  /** The page's side. */
  interface Page {
    void post(String message);
  }

  /** Everything that a page asks of the app itself, by its type. */
  interface Deeds {
    void act(String type, JSONObject message);

    /** Why a request is not to be sent, as an answer's status and sentence; null: send it. */
    Refusal refusal(String method, String path);

    /** An answer that a model writes has begun, gone on, or ended. */
    void onWriting(PagePort port, long id, Writing what, byte[] part);
  }

  enum Writing {
    BEGUN,
    PART,
    ENDED
  }

  static final class Refusal {
    final int status;
    final String message;

    Refusal(int status, String message) {
      this.status = status;
      this.message = message;
    }
  }

  private final Engine engine;
  private final Frames frames;
  private final Page page;
  private final Deeds deeds;
  private final Map<Long, Long> engineIds = new HashMap<>(); // guarded by this; the page's number of a request to the engine's
  private final Map<Long, String> writing = new HashMap<>(); // guarded by this; the engine's number of an answer: its conversation
  private List<JSONObject> outbox = new ArrayList<>(); // guarded by this
  private boolean isScheduled; // guarded by this
  private boolean isClosed; // guarded by this

  PagePort(Engine engine, Frames frames, Page page, Deeds deeds) {
    this.engine = engine;
    this.frames = frames;
    this.page = page;
    this.deeds = deeds;
  }

  /** A string of the page. What is no message of ours is told to the log and dropped: the page goes on. */
  void onMessage(String text) {
    if (text == null) return;
    try {
      JSONObject message = Json.parse(text);
      String type = message.optString("type");
      if (type.equals("request")) onRequest(message);
      else if (type.equals("cancel")) onCancel(message.optLong("id", -1));
      else deeds.act(type, message);
    } catch (IOException | IllegalArgumentException fault) {
      android.util.Log.w("thimble", "a message of the page: " + fault.getMessage());
    }
  }

  private void onRequest(JSONObject message) {
    long id = message.optLong("id", -1);
    if (id < 0) throw new IllegalArgumentException("a request without a number");
    String method = message.optString("method", "GET");
    String path = message.optString("path");
    Refusal refusal = deeds.refusal(method, path);
    if (refusal != null) {
      refuse(id, refusal);
      return;
    }
    byte[] body = bodyOf(message);
    JSONArray headers = withLength(message.optJSONArray("headers"), body);
    PageAnswer answer = new PageAnswer(id, isWriting(method, path));
    int first = Math.min(body.length, BODY_PIECE);
    boolean more = first < body.length;
    long sent;
    synchronized (this) {
      // The lock is held so that no answer looks for the number before it is kept.
      sent = engine.request(method, path, message.optString("query"), headers,
          body.length == 0 ? null : Arrays.copyOf(body, first), more, answer);
      if (!answer.isOver) engineIds.put(id, sent);
      if (!answer.isOver && answer.isWriting) writing.put(sent, valueOf(headers, "x-conversation-id"));
    }
    if (more) sendRest(sent, body, first);
  }

  // A body of several pieces is a picture or a chat: a thread of its own waits for the child to take them.
  private void sendRest(long sent, byte[] body, int first) {
    Thread thread =
        new Thread(
            () -> {
              try {
                for (int at = first; at < body.length; at += BODY_PIECE) {
                  int end = Math.min(at + BODY_PIECE, body.length);
                  engine.sendBody(sent, Arrays.copyOfRange(body, at, end), end < body.length);
                }
              } catch (IOException ended) {
                // The request's answer says so.
              } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
              }
            },
            "page-body");
    thread.setDaemon(true);
    thread.start();
  }

  private static byte[] bodyOf(JSONObject message) {
    if (message.has("base64")) return Base64.decode(message.optString("base64"), Base64.DEFAULT);
    return message.optString("text").getBytes(StandardCharsets.UTF_8);
  }

  private static JSONArray withLength(JSONArray headers, byte[] body) {
    JSONArray all = headers == null ? new JSONArray() : headers;
    if (body.length == 0) return all;
    if (!valueOf(all, "content-length").isEmpty()) return all;
    return all.put(new JSONArray().put("content-length").put(Integer.toString(body.length)));
  }

  private static boolean isWriting(String method, String path) {
    return method.equals("POST") && path.equals("/v1/chat/completions");
  }

  private void onCancel(long id) {
    Long sent;
    synchronized (this) {
      sent = engineIds.get(id);
    }
    if (sent != null) engine.cancel(sent);
  }

  private void refuse(long id, Refusal refusal) {
    JSONObject error = Json.of("error", Json.of("message", refusal.message, "code", "refused_by_app"));
    JSONArray type = new JSONArray().put("content-type").put("application/json");
    add(Json.of("type", "answer", "id", id, "status", refusal.status, "headers", new JSONArray().put(type)));
    add(Json.of("type", "part", "id", id, "text", error.toString()));
    add(Json.of("type", "end", "id", id));
  }

  /** An event for the page: names and values of its fields in turns. A field "name" is a file's; "event" tells the event. */
  void tell(String event, Object... fields) {
    JSONObject message = Json.of(fields);
    Json.put(message, "type", "event");
    Json.put(message, "event", event);
    if (!message.has("name")) Json.put(message, "name", event);
    add(message);
  }

  /** Anything else for the page. */
  void add(JSONObject message) {
    synchronized (this) {
      if (isClosed) return;
      if (!mergeText(message)) outbox.add(message);
      if (isScheduled) return;
      isScheduled = true;
    }
    frames.atNext(this::flush);
  }

  // A frame's text of one answer is one part.
  private boolean mergeText(JSONObject message) {
    if (outbox.isEmpty() || !"part".equals(message.optString("type")) || !message.has("text")) return false;
    JSONObject last = outbox.get(outbox.size() - 1);
    if (!"part".equals(last.optString("type")) || !last.has("text") || last.optLong("id") != message.optLong("id")) return false;
    Json.put(last, "text", last.optString("text") + message.optString("text"));
    return true;
  }

  private void flush() {
    List<JSONObject> all;
    synchronized (this) {
      isScheduled = false;
      if (isClosed || outbox.isEmpty()) return;
      all = outbox;
      outbox = new ArrayList<>();
    }
    page.post(new JSONArray(all).toString());
  }

  /** The engine's numbers of the answers that are being written for this page, each with the name under which it is kept, or none. */
  synchronized Map<Long, String> writing() {
    return new HashMap<>(writing);
  }

  /** The page is gone. Its answers go on: those that are kept can be read again by the page that comes next. */
  synchronized void close() {
    isClosed = true;
    outbox.clear();
  }

  /** One request's answer on its way to the page; from the child's thread, and from who cancels it. */
  private final class PageAnswer implements Engine.Answer {
    private final long id;
    private final boolean isWriting;
    private final TextPieces text = new TextPieces();
    private boolean isText;
    volatile boolean isOver;

    PageAnswer(long id, boolean isWriting) {
      this.id = id;
      this.isWriting = isWriting;
    }

    @Override
    public synchronized void onHead(int status, JSONArray headers) {
      isText = isTextType(headers);
      add(Json.of("type", "answer", "id", id, "status", status, "headers", headers));
      if (isWriting && status == 200) deeds.onWriting(PagePort.this, id, Writing.BEGUN, null);
    }

    @Override
    public synchronized void onPart(byte[] bytes) {
      if (isOver) return; // cancelled while this came
      if (isWriting) deeds.onWriting(PagePort.this, id, Writing.PART, bytes);
      if (isText) addText(text.take(bytes));
      else add(Json.of("type", "part", "id", id, "base64", Base64.encodeToString(bytes, Base64.NO_WRAP)));
    }

    private void addText(String whole) {
      if (!whole.isEmpty()) add(Json.of("type", "part", "id", id, "text", whole));
    }

    @Override
    public synchronized void onEnd() {
      if (isText) addText(text.end());
      add(Json.of("type", "end", "id", id));
      forget();
    }

    @Override
    public synchronized void onFailed(String message) {
      add(Json.of("type", "failed", "id", id, "message", message));
      forget();
    }

    private void forget() {
      isOver = true;
      synchronized (PagePort.this) {
        Long sent = engineIds.remove(id);
        if (sent != null) writing.remove(sent);
      }
      if (isWriting) deeds.onWriting(PagePort.this, id, Writing.ENDED, null);
    }
  }

  private static boolean isTextType(JSONArray headers) {
    String type = valueOf(headers, "content-type");
    return type.startsWith("text/") || type.startsWith("application/json");
  }

  // Empty: there is no such header.
  private static String valueOf(JSONArray headers, String name) {
    for (int i = 0; i < headers.length(); i++) {
      JSONArray header = headers.optJSONArray(i);
      if (header != null && name.equalsIgnoreCase(header.optString(0))) return header.optString(1);
    }
    return "";
  }
}
