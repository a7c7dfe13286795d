// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import java.io.IOException;
import org.json.JSONArray;
import org.json.JSONException;
import org.json.JSONObject;

/** JSON that came from outside, and objects made without checked exceptions. */
final class Json {
  /** Deeper than anything the page or the child say; Android's parser calls itself once a level. */
  static final int MOST_LEVELS = 64;

  private Json() {}

  /** The object that the text is. IOException where it is none, or nested deeper than {@link #MOST_LEVELS}. */
  static JSONObject parse(String text) throws IOException {
    checkLevels(text);
    try {
      return new JSONObject(text);
    } catch (JSONException fault) {
      throw new IOException("no JSON object: " + fault.getMessage(), fault);
    }
  }

  private static void checkLevels(String text) throws IOException {
    int level = 0;
    boolean inString = false;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (inString) {
        if (c == '\\') i++;
        else if (c == '"') inString = false;
      } else if (c == '"') {
        inString = true;
      } else if (c == '{' || c == '[') {
        if (++level > MOST_LEVELS) throw new IOException("JSON is nested deeper than " + MOST_LEVELS + " levels");
      } else if (c == '}' || c == ']') {
        level--;
      }
    }
  }

  /** An object of names and values in turns; null stands for JSON's null. */
  static JSONObject of(Object... namesAndValues) {
    JSONObject made = new JSONObject();
    try {
      for (int i = 0; i + 1 < namesAndValues.length; i += 2) {
        Object value = namesAndValues[i + 1];
        made.put((String) namesAndValues[i], value == null ? JSONObject.NULL : value);
      }
    } catch (JSONException fault) {
      throw new IllegalArgumentException(fault); // a number that is not finite
    }
    return made;
  }

  /** One more member of an object. */
  static void put(JSONObject object, String name, Object value) {
    try {
      object.put(name, value == null ? JSONObject.NULL : value);
    } catch (JSONException fault) {
      throw new IllegalArgumentException(fault);
    }
  }

  /** The members of an array that are objects. */
  static JSONObject[] objects(JSONArray array) {
    if (array == null) return new JSONObject[0];
    JSONObject[] found = new JSONObject[array.length()];
    int count = 0;
    for (int i = 0; i < array.length(); i++) {
      JSONObject one = array.optJSONObject(i);
      if (one != null) found[count++] = one;
    }
    return java.util.Arrays.copyOf(found, count);
  }

  /** The sentence in an error's answer of the service, else the text itself, cut. */
  static String errorOf(String answer) {
    try {
      JSONObject error = parse(answer).optJSONObject("error");
      if (error != null && !error.optString("message").isEmpty()) return error.optString("message");
    } catch (IOException notJson) {
      // Then the text stands for itself.
    }
    return answer.length() > 300 ? answer.substring(0, 300) : answer;
  }
}
