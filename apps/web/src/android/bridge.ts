// SPDX-License-Identifier: Apache-2.0
// The app's port: what is said over it, in both directions. What is said before the port is here waits for it.
import { kEvents, type AppAnswer, type AppEvent, type AppEvents, type EventName, type FromApp, type ToApp } from './protocol';

type Hearer<Name extends EventName> = (event: AppEvents[Name]) => void;
type PortEnd = Pick<MessagePort, 'postMessage' | 'onmessage' | 'close'>;

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export class Bridge {
  private port: PortEnd | null = null;
  private readonly waiting: ToApp[] = [];
  private readonly hearers = new Map<string, ((event: never) => void)[]>();
  private lastId = 0;
  // What requests and decoding are told of.
  onAnswer: (answer: AppAnswer) => void = () => undefined;
  onDecoded: (answer: Extract<FromApp, { type: 'decoded' }>) => void = () => undefined;
  // Another port took the place of the one that was here: its answers do not come any more.
  onRenewed: () => void = () => undefined;

  attach(port: PortEnd): void {
    const before = this.port;
    this.port = port;
    port.onmessage = ({ data }) => this.take(data as unknown);
    if (before) {
      before.onmessage = null;
      before.close();
      this.onRenewed();
    }
    for (const message of this.waiting.splice(0)) this.send(message);
  }

  newId(): number {
    return ++this.lastId;
  }

  send(message: ToApp): void {
    if (this.port) this.port.postMessage(JSON.stringify(message));
    else this.waiting.push(message);
  }

  on<Name extends EventName>(name: Name, hearer: Hearer<Name>): void {
    this.hearers.set(name, [...(this.hearers.get(name) ?? []), hearer as (event: never) => void]);
  }

  // A message, or those of a frame. What is none of ours is passed over: the app may be newer than this page.
  private take(data: unknown): void {
    if (typeof data !== 'string') return;
    let told: unknown;
    try {
      told = JSON.parse(data);
    } catch {
      return;
    }
    for (const message of Array.isArray(told) ? (told as unknown[]) : [told]) if (isObject(message)) this.dispatch(message as unknown as FromApp);
  }

  private dispatch(message: FromApp): void {
    switch (message.type) {
      case 'answer':
      case 'part':
      case 'end':
      case 'failed':
        return this.onAnswer(message);
      case 'decoded':
        return this.onDecoded(message);
      case 'event':
        return this.tell(message);
    }
  }

  private tell(event: AppEvent): void {
    const name = event.event ?? event.name;
    if (!kEvents.includes(name as EventName)) return;
    const fields: AppEvent = event.event === undefined ? { ...event, name: event['file'] as string } : event;
    if (name === 'decision' && !isObject(fields['decision'])) return;
    for (const hearer of this.hearers.get(name!) ?? []) hearer(fields as never);
  }
}
