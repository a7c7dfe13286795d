// SPDX-License-Identifier: Apache-2.0
// When the engine is called: again and again while there is work, with the page's messages let through between two calls;
// else it sleeps until it is due or somebody wakes it.

export interface Turning {
  pump(): boolean; // true: there is more to do at once
  help(): boolean;
  due(): number; // seconds
}

export interface Clock {
  ping(call: () => void): void; // behind the messages that wait already
  later(call: () => void, milliseconds: number): () => void; // gives what takes it back
}

const kLongest = 2 ** 31 - 1; // milliseconds of a timer

// A message to itself: timers wait 4 ms from the fifth in a row on.
export function browserClock(): Clock {
  const { port1, port2 } = new MessageChannel();
  let waiting: (() => void) | null = null;
  port1.onmessage = () => {
    const call = waiting;
    waiting = null;
    call?.();
  };
  return {
    ping(call) {
      waiting = call;
      port2.postMessage(0);
    },
    later(call, milliseconds) {
      const timer = setTimeout(call, milliseconds);
      return () => clearTimeout(timer);
    },
  };
}

export class Turns {
  private isPinged = false;
  private isStopped = false;
  private takeBack: (() => void) | null = null;
  private next: 'pump' | 'help' = 'pump';
  private idle = 0; // calls in a row that had nothing to do

  // `between` runs after each call.
  constructor(
    private readonly engine: Turning,
    private readonly clock: Clock,
    private readonly between: () => void,
    private readonly failed: (error: unknown) => void,
  ) {}

  wake(): void {
    this.idle = 0;
    this.schedule();
  }

  stop(): void {
    this.isStopped = true;
    this.takeBack?.();
  }

  private schedule(): void {
    if (this.isPinged || this.isStopped) return;
    this.takeBack?.();
    this.takeBack = null;
    this.isPinged = true;
    this.clock.ping(() => this.turn());
  }

  // One call: of the engine, or of what needs none. In turns, so that neither waits for the other.
  private turn(): void {
    this.isPinged = false;
    if (this.isStopped) return;
    try {
      const more = this.next === 'pump' ? this.engine.pump() : this.engine.help();
      this.next = this.next === 'pump' ? 'help' : 'pump';
      this.idle = more ? 0 : this.idle + 1;
      this.between();
      if (this.idle < 2) this.schedule();
      else this.sleep();
    } catch (error) {
      this.stop();
      this.failed(error);
    }
  }

  private sleep(): void {
    const milliseconds = this.engine.due() * 1000;
    if (!(milliseconds < kLongest)) return;
    this.takeBack?.();
    this.takeBack = this.clock.later(() => this.wake(), Math.max(0, milliseconds));
  }
}
