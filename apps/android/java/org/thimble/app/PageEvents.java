// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import org.json.JSONObject;

/** What happens to the engine, as events for one page. Equal to every other one for the same page. */
final class PageEvents implements Engine.Watcher {
  private final PagePort port;
  private final Phone phone;

  PageEvents(PagePort port, Phone phone) {
    this.port = port;
    this.phone = phone;
  }

  @Override
  public void onStarted(JSONObject facts) {
    port.tell("started", "version", facts.optString("version"), "isa", facts.optString("isa"), "threads", facts.optInt("threads"));
  }

  @Override
  public void onDied(String message, boolean isStartedAgain) {
    port.tell("died", "message", message, "again", isStartedAgain);
  }

  @Override
  public void onDecision(JSONObject decision) {
    port.tell("decision", "decision", decision, "readings", phone.lastReadings());
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof PageEvents && ((PageEvents) other).port == port;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(port);
  }
}
