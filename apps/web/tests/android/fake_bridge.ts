// SPDX-License-Identifier: Apache-2.0
// The page's end of a played app, as an init script: after the load it hands the page a port, as the app's Java does.
// What comes over it goes to the test (tests/android/fake_app.ts), and back.
declare global {
  interface Window {
    toApp: (life: string, text: string) => void;
    fromApp: (life: string, text: string) => void;
  }
}

export function fakeBridge(): void {
  const life = Math.random().toString(36).slice(2); // of this document
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => window.toApp(life, data as string);
  window.fromApp = (to, text) => {
    if (to === '' || to === life) port1.postMessage(text);
  };
  window.addEventListener('load', () => window.postMessage('thimble-port', window.location.origin, [port2]));
}
