// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import android.content.ContentResolver;
import android.content.res.AssetFileDescriptor;
import android.database.Cursor;
import android.net.Uri;
import android.provider.OpenableColumns;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.json.JSONObject;

/** A file that another app holds for us: its name, and how long it is where that is said. */
final class PickedFile {
  // The service takes names of 128 characters.
  private static final int MOST_NAME = 100;
  private static final int MOST_ENDING = 12;

  final Uri uri;
  final String name;
  /** Bytes; -1: its provider does not say. */
  final long bytes;

  PickedFile(Uri uri, String name, long bytes) {
    this.uri = uri;
    this.name = name;
    this.bytes = bytes;
  }

  /**
   * Whether a stream of another app may be read at all. Only content: addresses, and none of our own: another app could hand us the
   * address of a file that only we may read.
   */
  static boolean isForeign(Uri uri, String ownPackage) {
    if (uri == null || !"content".equals(uri.getScheme())) return false;
    String authority = uri.getAuthority();
    if (authority == null || authority.isEmpty()) return false;
    String host = authority.substring(authority.lastIndexOf('@') + 1);
    return !host.equals(ownPackage) && !host.startsWith(ownPackage + ".");
  }

  /** Asks its provider; SecurityException where the permission is gone. */
  static PickedFile look(ContentResolver resolver, Uri uri) {
    String name = null;
    long bytes = -1;
    String[] columns = {OpenableColumns.DISPLAY_NAME, OpenableColumns.SIZE};
    try (Cursor cursor = resolver.query(uri, columns, null, null, null)) {
      if (cursor != null && cursor.moveToFirst()) {
        int at = cursor.getColumnIndex(OpenableColumns.DISPLAY_NAME);
        if (at >= 0) name = cursor.getString(at);
        int sizeAt = cursor.getColumnIndex(OpenableColumns.SIZE);
        if (sizeAt >= 0 && !cursor.isNull(sizeAt)) bytes = cursor.getLong(sizeAt);
      }
    } catch (SecurityException gone) {
      throw gone;
    } catch (RuntimeException odd) {
      // A provider that cannot be asked can perhaps be read.
    }
    if (bytes <= 0) bytes = lengthOf(resolver, uri);
    return new PickedFile(uri, plainName(name != null ? name : uri.getLastPathSegment()), bytes);
  }

  private static long lengthOf(ContentResolver resolver, Uri uri) {
    try (AssetFileDescriptor file = resolver.openAssetFileDescriptor(uri, "r")) {
      return file == null || file.getLength() == AssetFileDescriptor.UNKNOWN_LENGTH ? -1 : file.getLength();
    } catch (SecurityException gone) {
      throw gone;
    } catch (IOException | RuntimeException none) {
      return -1;
    }
  }

  /** Opens it anew, from the beginning. */
  InputStream open(ContentResolver resolver) throws IOException {
    InputStream in = resolver.openInputStream(uri);
    if (in == null) throw new FileNotFoundException(name);
    return in;
  }

  PickedFile withBytes(long count) {
    return new PickedFile(uri, name, count);
  }

  JSONObject toJson() {
    return Json.of("uri", uri.toString(), "name", name, "bytes", bytes);
  }

  static PickedFile fromJson(JSONObject json) {
    return new PickedFile(Uri.parse(json.optString("uri")), plainName(json.optString("name")), json.optLong("bytes", -1));
  }

  /** The name as the service takes names of files: letters, digits, '.', '-' and '_', not beginning with '.' or '-'. */
  static String plainName(String name) {
    String bare = name == null ? "" : name.substring(name.lastIndexOf('/') + 1);
    int dot = bare.lastIndexOf('.');
    String ending = dot < 0 ? "" : bare.substring(dot + 1).replaceAll("[^A-Za-z0-9]", "");
    if (ending.length() > MOST_ENDING) ending = "";
    String stem = (dot < 0 ? bare : bare.substring(0, dot)).replaceAll("[^A-Za-z0-9._-]+", "-").replaceAll("^[.-]+", "");
    if (stem.length() > MOST_NAME) stem = stem.substring(0, MOST_NAME);
    if (stem.isEmpty()) stem = "model";
    return ending.isEmpty() ? stem : stem + "." + ending;
  }

  private static String kind(String name) {
    return name.substring(name.lastIndexOf('.') + 1).toLowerCase(Locale.ROOT);
  }

  private static boolean isWeights(String name) {
    return kind(name).equals("gguf") || kind(name).equals("safetensors");
  }

  static boolean isModelFile(String name) {
    return isWeights(name) || kind(name).equals("json") || kind(name).equals("jinja") || kind(name).equals("txt");
  }

  private static boolean isVision(String name) {
    return name.toLowerCase(Locale.ROOT).contains("mmproj");
  }

  private static int rank(PickedFile file) {
    if (isVision(file.name)) return 1;
    return isWeights(file.name) ? 2 : 0;
  }

  /** The files of a model in the order in which they are sent: weights last, since with them the model gets its name. */
  static List<PickedFile> sendingOrder(List<PickedFile> files) {
    List<PickedFile> sorted = new ArrayList<>();
    for (PickedFile file : files) if (isModelFile(file.name)) sorted.add(file);
    Collections.sort(
        sorted,
        Comparator.comparingInt(PickedFile::rank).thenComparingLong((PickedFile file) -> file.bytes).thenComparing(file -> file.name));
    return sorted;
  }

  /** What the model is called: as its largest file of weights, without its ending. The page's own import calls it the same. */
  static String modelName(List<PickedFile> files) {
    PickedFile weights = null;
    for (PickedFile file : files) {
      if (rank(file) == 2 && (weights == null || file.bytes > weights.bytes)) weights = file;
    }
    String name = weights != null ? weights.name : files.isEmpty() ? "" : files.get(0).name;
    String bare = name.replaceAll("(?i)\\.(gguf|safetensors|json|jinja|txt)$", "").replaceAll("-\\d{5}-of-\\d{5}$", "");
    if (bare.length() > 64) bare = bare.substring(0, 64);
    return bare.isEmpty() ? "model" : bare;
  }
}
