// SPDX-License-Identifier: Apache-2.0
// The pool's folder in the browser's private file system.
import type { PoolFolder, SyncHandle } from './handle_pool';

const kFolder = 'thimble-engine';
const kPatience = 3000; // milliseconds: an ended worker's files are closed a moment later
const kPause = 50;

interface FileHandleWithSync extends FileSystemFileHandle {
  createSyncAccessHandle?: () => Promise<SyncHandle>;
}

// A file that another tab, or a worker that just ended, still holds.
export class StorageBusy extends Error {}

async function openPatiently(file: FileHandleWithSync, until: number): Promise<SyncHandle> {
  for (;;) {
    try {
      return await file.createSyncAccessHandle!();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NoModificationAllowedError') throw error;
      if (Date.now() > until) throw new StorageBusy(`${file.name} is open elsewhere`);
      await new Promise((resolve) => setTimeout(resolve, kPause));
    }
  }
}

// null: this browser gives workers no files that they can read and write at once (WebKitGTK, private windows of some).
export async function openFolder(log: (text: string) => void): Promise<PoolFolder | null> {
  const until = Date.now() + kPatience;
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(kFolder, { create: true });
    const open = async (name: string) => {
      const file: FileHandleWithSync = await folder.getFileHandle(name, { create: true });
      return openPatiently(file, until);
    };
    const probe = (await folder.getFileHandle('probe', { create: true })) as FileHandleWithSync;
    const handle = await openPatiently(probe, until);
    // In Safari before 16.4 these gave promises.
    const isSync = typeof handle.getSize() === 'number';
    handle.close();
    if (!isSync) throw new Error('its handles are not synchronous');
    return {
      async names() {
        const names: string[] = [];
        for await (const name of (folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
        return names;
      },
      open,
    };
  } catch (error) {
    if (error instanceof StorageBusy) throw error;
    log(`files cannot be kept here: ${String(error)}`);
    return null;
  }
}
