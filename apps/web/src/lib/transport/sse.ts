// SPDX-License-Identifier: Apache-2.0
// Server-sent events, from bytes that may be cut anywhere.

export interface SseEvent {
  event: string; // "message" where it has no name
  data: string;
}

// Feed it chunks; it gives what is complete. Comments go to `onComment`.
export class SseParser {
  private readonly decoder = new TextDecoder();
  private rest = '';
  private data: string[] = [];
  private event = '';

  constructor(private readonly onComment: (text: string) => void = () => undefined) {}

  push(chunk: Uint8Array): SseEvent[] {
    this.rest += this.decoder.decode(chunk, { stream: true });
    const events: SseEvent[] = [];
    for (;;) {
      const end = /\r\n|\n|\r/.exec(this.rest);
      // A carriage return at the end may be half of a line's end.
      if (!end || (end[0] === '\r' && end.index + 1 === this.rest.length)) return events;
      const line = this.rest.slice(0, end.index);
      this.rest = this.rest.slice(end.index + end[0].length);
      const event = this.takeLine(line);
      if (event) events.push(event);
    }
  }

  private takeLine(line: string): SseEvent | null {
    if (line === '') {
      const event = this.data.length > 0 ? { event: this.event || 'message', data: this.data.join('\n') } : null;
      this.data = [];
      this.event = '';
      return event;
    }
    const colon = line.indexOf(':');
    if (colon === 0) {
      this.onComment(line.slice(1).trim());
      return null;
    }
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.event = value;
    return null;
  }
}
