// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.ContentResolver;
import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import android.os.StatFs;
import android.os.SystemClock;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * Brings picked files into the child's store by its upload routes (docs/serve.md), in pieces. What is under way stands in a file, so that
 * it goes on after the app was ended, where it stopped: the service says how much of a file is there.
 */
final class Importer {
  enum State {
    COPYING,
    PACKING,
    DONE,
    FAILED
  }

  /** What is told of an import; on the importer's thread. `total` 0: not known yet. */
  interface Listener {
    void onImport(String name, long bytes, long total, State state, String message);
  }

  /** A refusal or a fault with its sentence. `isFinal`: going on later is in vain. */
  private static final int QUIET_LOOKS = 120; // a minute
  static long lookMs = 500; // tests look more often

  private static final class ImportFault extends Exception {
    private static final long serialVersionUID = 1;
    final boolean isFinal;

    ImportFault(String sentence, boolean isFinal) {
      super(sentence);
      this.isFinal = isFinal;
    }
  }

  static final int PIECE = 1 << 20;
  /** Bytes of one request: what is lost at most where the child dies between two answers. */
  static final long REQUEST = 8L << 20;
  private static final long TELL_MS = 200;

  private final Engine engine;
  private final ContentResolver resolver;
  private final String ownPackage;
  private final File folder;
  private final Sentences sentences;
  private final Listener listener;
  private final LongSupplier freeBytes;
  private final ExecutorService worker = Executors.newSingleThreadExecutor(Importer::thread);
  private final AtomicBoolean isBusy = new AtomicBoolean();
  private final Object lock = new Object();
  private final AtomicBoolean isResumeAsked = new AtomicBoolean();
  private volatile boolean isCancelled;
  private volatile String current = "";
  private long told;

  /** `freeBytes`: what is free where the store lies; {@link #freeOf} gives it. */
  Importer(Context context, Engine engine, File folder, Sentences sentences, LongSupplier freeBytes, Listener listener) {
    this.engine = engine;
    this.resolver = context.getContentResolver();
    this.ownPackage = context.getPackageName();
    this.folder = folder;
    this.sentences = sentences;
    this.freeBytes = freeBytes;
    this.listener = listener;
  }

  private static Thread thread(Runnable work) {
    Thread thread = new Thread(work, "import");
    thread.setDaemon(true);
    return thread;
  }

  static long freeOf(File folder) {
    return new StatFs(folder.getPath()).getAvailableBytes();
  }

  /** Begins to bring in the files of one model. A second import beside one that runs is refused. */
  void begin(List<Uri> uris) {
    List<Uri> readable = new ArrayList<>();
    for (Uri uri : uris) if (PickedFile.isForeign(uri, ownPackage)) readable.add(uri);
    if (readable.isEmpty()) return;
    if (!isBusy.compareAndSet(false, true)) {
      String name = PickedFile.plainName(readable.get(0).getLastPathSegment());
      listener.onImport(name, 0, 0, State.FAILED, sentences.say(R.string.import_busy));
      return;
    }
    for (Uri uri : readable) keepPermission(uri);
    isCancelled = false;
    worker.execute(() -> finish(() -> bringIn(look(readable))));
  }

  // A picked file stays readable over a restart; one that was shared does not, which is no fault until it is needed.
  private void keepPermission(Uri uri) {
    try {
      resolver.takePersistableUriPermission(uri, Intent.FLAG_GRANT_READ_URI_PERMISSION);
    } catch (SecurityException notOffered) {
      // Good for as long as the app runs.
    }
  }

  /** Goes on with what was under way when the app or its engine ended; behind an import that runs, should it leave something. */
  void resume() {
    if (!journal().isFile()) return;
    if (!isBusy.compareAndSet(false, true)) {
      isResumeAsked.set(true); // the import that the engine's end has stopped may not know yet
      return;
    }
    isCancelled = false;
    worker.execute(() -> finish(() -> bringIn(readJournal())));
  }

  /** Ends the import of that name, also one that waits for the next start; what has come of it is deleted. */
  void cancel(String name) {
    if (isBusy.get()) {
      if (name.isEmpty() || name.equals(current)) isCancelled = true;
    } else if (journal().isFile()) {
      worker.execute(() -> giveUp(name));
    }
  }

  private void giveUp(String name) {
    deleteJournal();
    try {
      if (!name.isEmpty()) forget(name);
    } catch (IOException gone) {
      // The engine is not there; the list of models shows what is left, and deletes it.
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  boolean isBusy() {
    return isBusy.get();
  }

  private interface Work {
    void run() throws ImportFault, IOException, InterruptedException;
  }

  private void finish(Work work) {
    String message = null;
    boolean isFinal = true;
    try {
      work.run();
    } catch (ImportFault fault) {
      message = fault.getMessage();
      isFinal = fault.isFinal;
    } catch (SecurityException gone) {
      message = sentences.say(R.string.permission_gone, current);
    } catch (ServiceCall.RefusedException refused) {
      message = refused.getMessage();
    } catch (IOException broken) {
      message = broken.getMessage() == null ? broken.toString() : broken.getMessage();
      isFinal = false; // the child died, say: what is there stays, and the next start goes on
    } catch (RuntimeException odd) { // another app's provider may throw anything
      message = sentences.say(R.string.file_gone, current) + " (" + odd.getMessage() + ")";
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      message = sentences.say(R.string.import_cancelled);
    }
    if (isFinal) deleteJournal();
    String name = current;
    current = "";
    isBusy.set(false);
    if (message != null) listener.onImport(name, 0, 0, State.FAILED, message);
    if (isResumeAsked.getAndSet(false)) resume();
  }

  private List<PickedFile> look(List<Uri> uris) throws ImportFault, IOException {
    List<PickedFile> files = new ArrayList<>();
    for (Uri uri : uris) {
      current = PickedFile.plainName(uri.getLastPathSegment());
      PickedFile file = PickedFile.look(resolver, uri);
      current = file.name;
      if (!PickedFile.isModelFile(file.name)) {
        if (uris.size() == 1) throw new ImportFault(sentences.say(R.string.no_model_file, file.name), true);
        continue;
      }
      files.add(file.bytes > 0 ? file : file.withBytes(count(file)));
    }
    if (files.isEmpty()) throw new ImportFault(sentences.say(R.string.no_model_file, current), true);
    return PickedFile.sendingOrder(files);
  }

  // The service wants to know how long a file is before it takes it. Reading it once more costs time but no room.
  private long count(PickedFile file) throws ImportFault, IOException {
    tell(file.name, 0, 0, State.COPYING, true);
    long bytes = 0;
    byte[] piece = new byte[PIECE];
    try (InputStream in = open(file)) {
      for (int got; (got = in.read(piece)) >= 0; bytes += got) checkCancelled();
    }
    if (bytes == 0) throw new ImportFault(sentences.say(R.string.no_model_file, file.name), true);
    return bytes;
  }

  private InputStream open(PickedFile file) throws ImportFault {
    try {
      return file.open(resolver);
    } catch (IOException gone) {
      throw new ImportFault(sentences.say(R.string.file_gone, file.name), true);
    }
  }

  private void checkCancelled() throws ImportFault {
    if (isCancelled) throw new ImportFault(sentences.say(R.string.import_cancelled), true);
  }

  private void bringIn(List<PickedFile> files) throws ImportFault, IOException, InterruptedException {
    String name = PickedFile.modelName(files);
    current = name;
    writeJournal(files);
    long total = 0;
    long there = 0;
    long[] has = new long[files.size()];
    for (int i = 0; i < has.length; i++) {
      has[i] = bytesThere(name, files.get(i));
      total += files.get(i).bytes;
      there += has[i];
    }
    checkRoom(total, there);
    JSONObject last = new JSONObject();
    try {
      for (int i = 0; i < has.length; i++) {
        there -= has[i];
        if (has[i] < files.get(i).bytes) last = sendFile(name, files.get(i), has[i], there, total, i + 1 == has.length);
        there += files.get(i).bytes;
      }
    } catch (ImportFault fault) {
      if (isCancelled) forget(name);
      throw fault;
    }
    if (there == total && last.length() == 0) awaitPacked(name, total);
    if (!last.optString("missing").isEmpty()) throw new ImportFault(last.optString("missing"), true);
    deleteJournal();
    tell(name, total, total, State.DONE, true);
  }

  // All of it was here before, without a pack: the engine makes one now that it was asked after, and no answer tells how that went.
  private void awaitPacked(String name, long total) throws ImportFault, IOException, InterruptedException {
    tell(name, total, total, State.PACKING, true);
    String before = "";
    for (int quiet = 0; quiet < QUIET_LOOKS; quiet++) {
      checkCancelled();
      JSONObject list = ServiceCall.ask(engine, "GET", "/thimble/v1/models");
      for (JSONObject model : Json.objects(list.optJSONArray("models")))
        if (name.equals(model.optString("name")) && !"outdated".equals(model.optString("failure_code"))) return;
      String now = String.valueOf(list.opt("unfinished"));
      if (!now.equals(before)) quiet = 0; // the pack grows
      before = now;
      Thread.sleep(lookMs);
    }
    throw new ImportFault(sentences.say(R.string.not_packed, name), true);
  }

  // The source while it is prepared, and what it becomes, which is as large.
  private void checkRoom(long total, long there) throws ImportFault {
    long needed = 2 * total - there;
    long free = freeBytes.getAsLong();
    if (free < needed) throw new ImportFault(sentences.say(R.string.no_room, sentences.size(needed), sentences.size(free)), true);
  }

  private static String path(String model, PickedFile file) {
    return "/thimble/v1/models/" + Uri.encode(model) + "/" + Uri.encode(file.name);
  }

  private long bytesThere(String model, PickedFile file) throws IOException, InterruptedException {
    try {
      JSONObject told = ServiceCall.ask(engine, "GET", path(model, file));
      if (told.optLong("total") != file.bytes) return 0;
      // All bytes but not whole: the last one is sent again.
      return told.optBoolean("whole") ? file.bytes : Math.min(told.optLong("bytes"), file.bytes - 1);
    } catch (ServiceCall.RefusedException refused) {
      if (refused.status == 404) return 0;
      throw refused;
    }
  }

  private JSONObject sendFile(String model, PickedFile file, long from, long before, long total, boolean isLast)
      throws ImportFault, IOException, InterruptedException {
    JSONObject answer = new JSONObject();
    // Of all of the file, also of what is there already: so that what was sent before is of this file, the service compares.
    MessageDigest digest = sha256();
    try (InputStream in = open(file)) {
      skip(in, file, from, digest);
      for (long at = from; at < file.bytes; ) {
        long end = Math.min(at + REQUEST, file.bytes);
        ServiceCall call = sendRange(in, model, file, digest, at, end, before, total);
        if (isLast && end == file.bytes) tell(model, total, total, State.PACKING, true);
        answer = call.get();
        at = end;
      }
      if (in.read() >= 0) throw new ImportFault(sentences.say(R.string.file_changed, file.name), true);
    }
    return answer;
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException everyAndroidHasIt) {
      throw new AssertionError(everyAndroidHasIt);
    }
  }

  private void skip(InputStream in, PickedFile file, long from, MessageDigest digest) throws ImportFault, IOException {
    byte[] piece = new byte[PIECE];
    for (long left = from; left > 0; ) {
      checkCancelled();
      int got = in.read(piece, 0, (int) Math.min(piece.length, left));
      if (got < 0) throw new ImportFault(sentences.say(R.string.file_changed, file.name), true);
      digest.update(piece, 0, got);
      left -= got;
    }
  }

  // The pieces are read before the request is begun, since the head of the last one has the file's SHA-256.
  private ServiceCall sendRange(
      InputStream in, String model, PickedFile file, MessageDigest digest, long from, long end, long before, long total)
      throws ImportFault, IOException, InterruptedException {
    List<byte[]> pieces = new ArrayList<>();
    for (long at = from; at < end; at += PIECE) {
      checkCancelled();
      byte[] piece = readPiece(in, file, Math.min(PIECE, end - at));
      digest.update(piece);
      pieces.add(piece);
    }
    JSONArray headers = new JSONArray();
    headers.put(new JSONArray().put("content-type").put("application/octet-stream"));
    headers.put(new JSONArray().put("content-length").put(Long.toString(end - from)));
    headers.put(new JSONArray().put("content-range").put("bytes " + from + "-" + (end - 1) + "/" + file.bytes));
    if (end == file.bytes) headers.put(new JSONArray().put("x-thimble-sha256").put(hex(digest.digest())));
    ServiceCall call = new ServiceCall();
    long id = engine.request("PUT", path(model, file), "", headers, pieces.get(0), pieces.size() > 1, call);
    long sent = from + pieces.get(0).length;
    for (int i = 1; i < pieces.size() && !call.isOver(); i++) {
      engine.sendBody(id, pieces.get(i), i + 1 < pieces.size());
      sent += pieces.get(i).length;
      tell(model, before + sent, total, State.COPYING, false);
    }
    return call;
  }

  private static String hex(byte[] bytes) {
    StringBuilder text = new StringBuilder();
    for (byte one : bytes) text.append(Character.forDigit((one >> 4) & 15, 16)).append(Character.forDigit(one & 15, 16));
    return text.toString();
  }

  private byte[] readPiece(InputStream in, PickedFile file, long bytes) throws ImportFault, IOException {
    byte[] piece = new byte[(int) bytes];
    for (int at = 0; at < piece.length; ) {
      int got = in.read(piece, at, piece.length - at);
      if (got < 0) throw new ImportFault(sentences.say(R.string.file_changed, file.name), true);
      at += got;
    }
    return piece;
  }

  // What a person does not want takes no room.
  private void forget(String model) throws IOException, InterruptedException {
    try {
      ServiceCall.ask(engine, "DELETE", "/thimble/v1/models/" + Uri.encode(model));
    } catch (ServiceCall.RefusedException nothingThere) {
      // Nothing had come yet.
    }
  }

  private void tell(String name, long bytes, long total, State state, boolean isNow) {
    long now = SystemClock.elapsedRealtime();
    if (!isNow && now - told < TELL_MS) return;
    told = now;
    listener.onImport(name, bytes, total, state, "");
  }

  private File journal() {
    return new File(folder, "import.json");
  }

  private void writeJournal(List<PickedFile> files) throws IOException {
    JSONArray all = new JSONArray();
    for (PickedFile file : files) all.put(file.toJson());
    synchronized (lock) {
      File next = new File(folder, "import.json.new");
      Files.write(next.toPath(), Json.of("files", all).toString().getBytes(StandardCharsets.UTF_8));
      Files.move(next.toPath(), journal().toPath(), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private List<PickedFile> readJournal() throws ImportFault {
    List<PickedFile> files = new ArrayList<>();
    try {
      String text = new String(Files.readAllBytes(journal().toPath()), StandardCharsets.UTF_8);
      for (JSONObject file : Json.objects(Json.parse(text).optJSONArray("files"))) files.add(PickedFile.fromJson(file));
    } catch (IOException broken) {
      throw new ImportFault(sentences.say(R.string.file_gone, journal().getName()), true);
    }
    for (PickedFile file : files) {
      if (file.bytes <= 0 || !PickedFile.isForeign(file.uri, ownPackage)) throw new ImportFault(sentences.say(R.string.file_gone, file.name), true);
    }
    if (files.isEmpty()) throw new ImportFault(sentences.say(R.string.file_gone, journal().getName()), true);
    return files;
  }

  private void deleteJournal() {
    synchronized (lock) {
      journal().delete();
    }
  }
}
