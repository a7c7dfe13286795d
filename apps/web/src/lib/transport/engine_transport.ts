// SPDX-License-Identifier: Apache-2.0
// The engine in a worker of this page as a Transport. Loaded where the page has one, and put in its place by tests.
import type { Transport } from './transport';

export async function openEngine(): Promise<Transport> {
  return (await import('../../state/page_engine')).openPageEngine();
}
