// SPDX-License-Identifier: Apache-2.0
// Bytes in strings, as the app's port takes them.

const kStep = 0x6000; // a multiple of three, so that steps can be put one behind the other

export function toBase64(bytes: Uint8Array): string {
  const steps: string[] = [];
  for (let at = 0; at < bytes.length; at += kStep) steps.push(btoa(String.fromCharCode(...bytes.subarray(at, at + kStep))));
  return steps.join('');
}

// Throws for what is no base64.
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

// Rejects where the file cannot be read any more.
export async function fileToBase64(file: Blob): Promise<string> {
  return toBase64(new Uint8Array(await file.arrayBuffer()));
}
