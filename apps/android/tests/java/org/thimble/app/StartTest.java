// SPDX-License-Identifier: Apache-2.0
package org.thimble.app;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.annotation.Config;

@RunWith(RobolectricTestRunner.class)
@Config(qualifiers = "en")
public class StartTest {
  private static final long GIB = 1L << 30;
  private static final String MODELS =
      "{\"models\":[{\"name\":\"built-in\",\"bytes\":5000000,\"built_in\":true},{\"name\":\"small\",\"bytes\":500000000},"
          + "{\"name\":\"middle\",\"bytes\":900000000},{\"name\":\"large\",\"bytes\":1300000000}]}";

  /** A new run of the app with what the last one has left. */
  private static Start run() throws IOException {
    Start start = new Start(TestApp.get(), TestApp.get().sentences());
    start.setModels(Json.parse(MODELS));
    return start;
  }

  @Test
  public void theBudgetIsHalfThePhoneAndWhatIsFree() {
    assertEquals("unknown", 0, MemoryGate.budget(0, 0, 0));
    assertEquals("half", 2 * GIB, MemoryGate.budget(4 * GIB, 3 * GIB, GIB / 4));
    assertEquals("free", 3 * GIB / 4, MemoryGate.budget(4 * GIB, GIB, GIB / 4));
    assertEquals("known and nothing", 1, MemoryGate.budget(4 * GIB, GIB / 8, GIB / 4));
  }

  @Test
  public void aModelThatNeedsMoreIsRefusedWithASmallerOne() throws IOException {
    Start start = run();
    start.setBudget(1_100_000_000);
    String said = start.refusal("large");
    assertEquals("large needs about 1.6 GB of memory; this phone gives apps about 1.1 GB now. small is smaller and may fit.", said);
    assertFalse("it is not written down", start.isOpening("large"));
    assertNull(start.refusal("small"));
    start.opened(true);
    start.setBudget(1);
    assertNull("the built-in one always may", start.refusal("built-in"));
    start.opened(true);
    start.setBudget(0);
    assertNull("nothing is known of the memory", start.refusal("large"));
  }

  @Test
  public void aModelThatEndedTheAppIsNotOpenedAgainUnasked() throws IOException {
    Start first = run();
    assertNull(first.refusal("large"));
    // Killed here. Whatever opens models at a start by itself is refused, at every start.
    for (int i = 0; i < 3; i++) {
      Start next = run();
      assertEquals("large", next.ended());
      String said = next.refusal("large");
      assertNotNull(said);
      assertTrue(said, said.startsWith("Opening large ended the app the last time") && said.endsWith("middle is smaller and may fit."));
    }
    // Other models are.
    Start other = run();
    assertNull(other.refusal("middle"));
    other.opened(true);
    assertEquals("large", other.ended());
  }

  @Test
  public void whoAsksASecondTimeMayTry() throws IOException {
    assertNull(run().refusal("large"));
    Start again = run();
    assertNotNull(again.refusal("large"));
    assertNull("a person asks once more", again.refusal("large"));
    // It ended the app again: the next start is as careful as before.
    Start third = run();
    assertNotNull(third.refusal("large"));
    assertNull(third.refusal("large"));
    third.opened(true);
    assertEquals("it is open: all is forgotten", "", run().ended());
    assertNull(run().refusal("large"));
  }

  @Test
  public void aModelThatCouldNotBeOpenedEndedNothing() throws IOException {
    Start start = run();
    assertNull(start.refusal("middle"));
    start.opened(false);
    assertEquals("", run().ended());
  }

  @Test
  public void theEnginesDeathCountsToo() throws IOException {
    Start start = run();
    assertNull(start.refusal("middle"));
    start.foundEnded();
    assertEquals("middle", start.ended());
    assertNotNull(start.refusal("middle"));
  }
}
