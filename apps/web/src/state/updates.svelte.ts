// SPDX-License-Identifier: Apache-2.0
// A new version of the page, where the page keeps itself (src/shell); over a server there is never one.

class Updates {
  isHere = $state(false);
  // The person said so; it comes when no tab writes an answer.
  isTaking = $state(false);
  // The page opens without its host.
  isKept = $state(false);
  take: () => void = () => undefined;
}

export const updates = new Updates();
