// SPDX-License-Identifier: Apache-2.0
// What an app does in the browser's place, where one carries this page: its web view gives nobody files, and opens nothing.

export interface AppHands {
  save(name: string, data: Blob): void;
  copy(text: string): void;
  takePhoto(): void;
  // A picture's file that the web view cannot decode, or none so large, as one that it can. Rejects with ApiError.
  readable(file: Blob): Promise<Blob>;
}

export const app: { hands: AppHands | null } = { hands: null };
