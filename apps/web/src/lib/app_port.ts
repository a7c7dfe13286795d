// SPDX-License-Identifier: Apache-2.0
// The port that the Android app hands its page once that is loaded. It is listened for before anything else of the app's
// side is here: what the app says meanwhile waits in the port.

type Taker = (port: MessagePort) => void;

let port: MessagePort | null = null;
let taker: Taker | null = null;

// `take` gets the port that is there, and each later one (the app made its side anew).
export function onAppPort(take: Taker): void {
  taker = take;
  if (port) take(port);
}

export function listenForAppPort(): void {
  window.addEventListener('message', ({ data, ports, source }) => {
    // The app has no window of its own. Nobody else is in this page, which loads nothing of others.
    if (data !== 'thimble-port' || ports.length !== 1 || (source !== null && source !== window)) return;
    port = ports[0]!;
    taker?.(port);
  });
}
