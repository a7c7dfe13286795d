// SPDX-License-Identifier: Apache-2.0
// In place of src/shell/start.ts: a page that is not kept, and is never loaded again by itself.
export function startShell(): Promise<boolean> {
  return Promise.resolve(false);
}
