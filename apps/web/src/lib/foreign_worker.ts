// SPDX-License-Identifier: Apache-2.0
// Ports of this computer are shared: another program's page, earlier at this address, may have left a service worker that
// answers in our place. This page has none, so whatever is registered goes.

// True where this page came through such a worker: it is being loaded again, without it.
export async function dropForeignWorkers(): Promise<boolean> {
  // Only secure contexts have workers; over plain http from another device there are none to drop.
  const workers = 'serviceWorker' in navigator ? navigator.serviceWorker : null;
  const registrations = await workers?.getRegistrations().catch(() => []);
  const dropped = await Promise.all((registrations ?? []).map((one) => one.unregister().catch(() => false)));
  const isThrough = workers?.controller != null && dropped.includes(true);
  if (isThrough) window.location.reload();
  return isThrough;
}
