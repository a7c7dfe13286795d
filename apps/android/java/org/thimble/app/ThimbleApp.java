// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.app.ActivityManager;
import android.app.Application;
import android.content.Intent;
import android.net.Uri;
import android.os.Build;
import android.os.Handler;
import android.os.Looper;
import java.io.File;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArraySet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.json.JSONObject;

/** What lives as long as the app's process, whatever windows come and go: the engine, the phone's readings, imports, answers. */
public class ThimbleApp extends Application {
  private static final long POLL_MS = 500;
  private static final int CONTEXT_TOKENS = 4096;

  private final Handler main = new Handler(Looper.getMainLooper());
  private final ExecutorService behind = Executors.newSingleThreadExecutor(ThimbleApp::thread);
  private final ExecutorService asking = Executors.newSingleThreadExecutor(ThimbleApp::thread); // waits for the engine's answers
  private final Set<PagePort> ports = new CopyOnWriteArraySet<>();
  private final Answers answers = new Answers(this);
  private Sentences sentences;
  private Engine engine;
  private Phone phone;
  private Start start;
  private Importer importer;
  private BuiltinModel builtin;

  private static Thread thread(Runnable work) {
    Thread thread = new Thread(work, "app");
    thread.setDaemon(true);
    return thread;
  }

  @Override
  public void onCreate() {
    super.onCreate();
    sentences = new Sentences(this);
    start = new Start(this, sentences);
    engine = new Engine(maker, sentences);
    phone = new Phone(this, engine::sendReadings);
    importer = new Importer(this, engine, getNoBackupFilesDir(), sentences, this::freeBytes, this::onImport);
    builtin = new BuiltinModel(getAssets(), new File(getNoBackupFilesDir(), "builtin"), version());
    engine.watch(watcher);
  }

  Sentences sentences() {
    return sentences;
  }

  Engine engine() {
    return engine;
  }

  Phone phone() {
    return phone;
  }

  Start start() {
    return start;
  }

  Importer importer() {
    return importer;
  }

  Answers answers() {
    return answers;
  }

  /** Work that takes too long for the main thread, one after the other. */
  void behind(Runnable work) {
    behind.execute(work);
  }

  // What tests put others in the place of.
  /** The program and its arguments. */
  List<String> command() {
    return List.of(new File(getApplicationInfo().nativeLibraryDir, "libthimble.so").getPath());
  }

  long freeBytes() {
    return Importer.freeOf(getNoBackupFilesDir());
  }

  /** A person has opened the app. */
  void opened() {
    phone.watch();
    behind(engine::open);
  }

  void add(PagePort port) {
    ports.add(port);
    engine.watch(eventsFor(port));
  }

  void remove(PagePort port) {
    port.close();
    ports.remove(port);
    engine.unwatch(eventsFor(port));
    answers.pageGone();
  }

  /** Tells every page that is there. */
  void tellAll(String event, Object... fields) {
    for (PagePort port : ports) port.tell(event, fields);
  }

  Set<PagePort> ports() {
    return ports;
  }

  private Engine.Watcher eventsFor(PagePort port) {
    return new PageEvents(port, phone);
  }

  private final Engine.Maker maker =
      new Engine.Maker() {
        @Override
        public Child start(Child.Listener listener) throws IOException {
          return new Child(command(), folder(""), new File(getCacheDir(), "engine-errors.txt"), listener);
        }

        @Override
        public JSONObject firstLine() {
          return ThimbleApp.this.firstLine();
        }
      };

  private JSONObject firstLine() {
    JSONObject line =
        Json.of(
            "version", version(), "models", folder("models").getPath(), "chats", folder("chats").getPath(), "cache",
            folder("packs").getPath(), "threads", 0, "context", CONTEXT_TOKENS, "kv", "f16", "memory_bytes", memoryBudget());
    File file = builtin.get();
    if (file != null) Json.put(line, "builtin", file.getPath());
    Json.put(
        line, "page",
        Json.of("android", Build.VERSION.SDK_INT, "device", Build.MODEL, "mode", phone.mode(), "opening_ended", start.ended()));
    return line;
  }

  // All of it lies where no backup looks.
  private File folder(String name) {
    File folder = name.isEmpty() ? getNoBackupFilesDir() : new File(getNoBackupFilesDir(), name);
    folder.mkdirs();
    return folder;
  }

  private String version() {
    try {
      return getPackageManager().getPackageInfo(getPackageName(), 0).versionName;
    } catch (android.content.pm.PackageManager.NameNotFoundException ownName) {
      return "";
    }
  }

  long memoryBudget() {
    ActivityManager.MemoryInfo memory = new ActivityManager.MemoryInfo();
    getSystemService(ActivityManager.class).getMemoryInfo(memory);
    return MemoryGate.budget(memory.totalMem, memory.availMem, memory.threshold);
  }

  private final Engine.Watcher watcher =
      new Engine.Watcher() {
        @Override
        public void onStarted(JSONObject facts) {
          main.post(phone::sendAnew);
          boolean isPacked = facts.optBoolean("builtin");
          behind(() -> builtin.setPacked(isPacked));
          asking.execute(ThimbleApp.this::learnModels);
          importer.resume();
        }

        @Override
        public void onDied(String message, boolean isStartedAgain) {
          start.foundEnded();
          answers.engineDied();
        }

        @Override
        public void onDecision(JSONObject decision) {
          // The pages are told by watchers of their own.
        }
      };

  private JSONObject learnModels() {
    try {
      JSONObject list = ServiceCall.ask(engine, "GET", "/thimble/v1/models");
      start.setModels(list);
      return list;
    } catch (IOException none) {
      return null; // without the list models are not judged, and the service still is there to say no
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      return null;
    }
  }

  /** Why a model may not be opened; null: it may, and until it is open or is not, that is written down. */
  String refusalToOpen(String model) {
    start.setBudget(memoryBudget());
    String refusal = start.refusal(model);
    if (refusal == null) main.postDelayed(this::lookWhetherOpen, POLL_MS);
    return refusal;
  }

  private void lookWhetherOpen() {
    asking.execute(
        () -> {
          JSONObject list = learnModels();
          if (list == null) return; // the engine died, which has its own word
          boolean isOpening = false;
          boolean isOpen = false;
          for (JSONObject model : Json.objects(list.optJSONArray("models"))) {
            isOpening |= model.has("opening");
            isOpen |= model.optBoolean("open") && start.isOpening(model.optString("name"));
          }
          if (isOpening) main.postDelayed(this::lookWhetherOpen, POLL_MS);
          else start.opened(isOpen);
        });
  }

  private void onImport(String name, long bytes, long total, Importer.State state, String message) {
    Object[] fields = {"name", name, "bytes", bytes, "total", total, "state", state.name().toLowerCase(java.util.Locale.ROOT), "message", message};
    tellAll("import", fields);
    Notices.showImport(this, name, bytes, total, state, message);
    if (state == Importer.State.DONE) asking.execute(this::learnModels);
  }

  /** Files that another app gave or the person picked. */
  void bringIn(List<Uri> files) {
    behind(() -> importer.begin(files));
  }

  void startAnswerService(String title) {
    Intent intent = new Intent(this, AnswerService.class).putExtra(AnswerService.TITLE, title);
    try {
      startForegroundService(intent);
    } catch (IllegalStateException notInFront) {
      // Begun while another app is in front, which the system forbids: the answer is written as long as it lets us.
      android.util.Log.w("thimble", "no foreground service: " + notInFront.getMessage());
    }
  }

  void stopAnswerService() {
    stopService(new Intent(this, AnswerService.class));
  }
}
