// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * The child for as long as the app's process lives: requests to it and their answers, what it says of itself, and its death, which is
 * told to all who wait and after which it is started again once. Any thread may call; listeners are called on the child's reading thread.
 */
final class Engine {
  /** Makes children: the packaged program, in tests another. */
  interface Maker {
    Child start(Child.Listener listener) throws IOException;

    /** The first line for it. */
    JSONObject firstLine();
  }

  /** Who waits for one answer. */
  interface Answer {
    void onHead(int status, JSONArray headers);

    void onPart(byte[] bytes);

    void onEnd();

    /** The child died, or there is none. */
    void onFailed(String message);
  }

  /** Who wants to know what happens to the child. */
  interface Watcher {
    void onStarted(JSONObject facts);

    void onDied(String message, boolean isStartedAgain);

    void onDecision(JSONObject decision);
  }

  private final Maker maker;
  private final Sentences sentences;
  private final List<Watcher> watchers = new CopyOnWriteArrayList<>();
  private final Map<Long, Answer> waiting = new HashMap<>(); // guarded by this
  private Child child; // guarded by this; null: none runs
  private JSONObject started; // guarded by this; what the running child said of itself
  private JSONObject lastDecision; // guarded by this
  private String lastFault = ""; // guarded by this
  private boolean mayStartAgain = true; // guarded by this; until the one new start that a death gets is used
  private long nextId; // guarded by this

  Engine(Maker maker, Sentences sentences) {
    this.maker = maker;
    this.sentences = sentences;
  }

  /** Tells the newcomer what the running child has said already. */
  void watch(Watcher watcher) {
    JSONObject facts;
    JSONObject decision;
    synchronized (this) {
      watchers.add(watcher);
      facts = started;
      decision = lastDecision;
    }
    if (facts != null) watcher.onStarted(facts);
    if (decision != null) watcher.onDecision(decision);
  }

  void unwatch(Watcher watcher) {
    watchers.remove(watcher);
  }

  /** A person has opened the app: starts the child where none runs, and grants it a new start should it die. Not on the main thread. */
  void open() {
    synchronized (this) {
      mayStartAgain = true;
      if (child != null) return;
    }
    String fault = startChild();
    if (fault != null) tellDeath(fault, false);
  }

  /** What went wrong, else null. */
  private String startChild() {
    JSONObject first = maker.firstLine(); // may write a file; nobody waits for the lock meanwhile
    synchronized (this) {
      if (child != null) return null;
      try {
        started = null;
        lastFault = "";
        child = maker.start(listener);
        child.send(Json.of("start", first), null);
        return null;
      } catch (IOException fault) {
        child = null;
        return sentences.engineCannotStart(fault.getMessage());
      }
    }
  }

  /** Sends a request; `body` is its body or, with `more`, its beginning, which {@link #sendBody} goes on with. Returns its number. */
  long request(String method, String path, String query, JSONArray headers, byte[] body, boolean more, Answer answer) {
    long id;
    Child to;
    synchronized (this) {
      id = ++nextId;
      to = child;
      if (to != null) waiting.put(id, answer);
    }
    if (to == null) {
      answer.onFailed(sentences.engineIsNotRunning());
      return id;
    }
    JSONObject line = Json.of("request", id, "method", method, "path", path, "query", query, "headers", headers);
    if (more) Json.put(line, "more", true);
    to.send(line, body);
    return id;
  }

  /** A piece of a request's body; waits until the child has taken it. */
  void sendBody(long id, byte[] bytes, boolean more) throws IOException, InterruptedException {
    Child to;
    synchronized (this) {
      to = child;
    }
    if (to == null) throw new IOException("the child has ended");
    JSONObject line = Json.of("body", id);
    if (more) Json.put(line, "more", true);
    to.sendAndWait(line, bytes);
  }

  /** Nothing more is wanted of an answer, which ends here: the child says nothing more of it. */
  void cancel(long id) {
    Answer answer = answerOf(id, true);
    if (answer == null) return;
    send(Json.of("cancel", id));
    answer.onEnd();
  }

  void sendReadings(JSONObject readings) {
    send(Json.of("readings", readings));
  }

  private void send(JSONObject line) {
    Child to;
    synchronized (this) {
      to = child;
    }
    if (to != null) to.send(line, null);
  }

  synchronized boolean isRunning() {
    return child != null;
  }

  /** Ends the child; nothing is told of it. */
  void close() {
    Child ended;
    synchronized (this) {
      ended = child;
      child = null;
      started = null;
      waiting.clear();
    }
    if (ended != null) ended.close();
  }

  private final Child.Listener listener =
      new Child.Listener() {
        @Override
        public void onFrame(Child from, Lines.Frame frame) {
          if (isCurrent(from)) take(frame);
        }

        @Override
        public void onEnd(Child from, int status, String fault) {
          if (isCurrent(from)) childEnded(status, fault);
        }
      };

  private synchronized boolean isCurrent(Child from) {
    // The first frame may come before the constructor's caller has stored the child.
    return from == child;
  }

  private void take(Lines.Frame frame) {
    JSONObject head = frame.head;
    if (head.has("answer")) {
      Answer answer = answerOf(head.optLong("answer"), false);
      if (answer != null) answer.onHead(head.optInt("status"), orEmpty(head.optJSONArray("headers")));
    } else if (head.has("part")) {
      Answer answer = answerOf(head.optLong("part"), false);
      if (answer != null) answer.onPart(frame.bytes);
    } else if (head.has("end")) {
      Answer answer = answerOf(head.optLong("end"), true);
      if (answer != null) answer.onEnd();
    } else if (head.optJSONObject("started") != null) {
      synchronized (this) {
        started = head.optJSONObject("started");
      }
      for (Watcher watcher : watchers) watcher.onStarted(head.optJSONObject("started"));
    } else if (head.optJSONObject("failed") != null) {
      synchronized (this) {
        lastFault = head.optJSONObject("failed").optString("message");
      }
    } else if (head.optJSONObject("decision") != null) {
      synchronized (this) {
        lastDecision = head.optJSONObject("decision");
      }
      for (Watcher watcher : watchers) watcher.onDecision(head.optJSONObject("decision"));
    } else if (head.has("log") && !"note".equals(head.optString("log"))) {
      android.util.Log.w("thimble", head.optString("text"));
    }
  }

  private static JSONArray orEmpty(JSONArray array) {
    return array == null ? new JSONArray() : array;
  }

  private synchronized Answer answerOf(long id, boolean isOver) {
    return isOver ? waiting.remove(id) : waiting.get(id);
  }

  private void childEnded(int status, String fault) {
    List<Answer> lost;
    String why;
    String cannotStart = null;
    boolean again;
    synchronized (this) {
      why = !lastFault.isEmpty() ? lastFault : fault;
      lost = new ArrayList<>(waiting.values());
      waiting.clear();
      child = null;
      started = null;
      lastDecision = null;
      again = mayStartAgain;
      mayStartAgain = false;
    }
    String message = sentences.engineDied(status, why);
    for (Answer answer : lost) answer.onFailed(message);
    if (again) {
      tellDeath(message, true);
      cannotStart = startChild();
      if (cannotStart != null) tellDeath(cannotStart, false);
    } else {
      tellDeath(message, false);
    }
  }

  private void tellDeath(String message, boolean again) {
    for (Watcher watcher : watchers) watcher.onDied(message, again);
  }
}
