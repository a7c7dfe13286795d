// SPDX-License-Identifier: Apache-2.0
// The engine in a worker as a Transport. A page without one (no WebAssembly modules beside it) has its chats and no
// answers.
import { ApiError, type Transport } from './transport';

export async function openEngine(): Promise<Transport> {
  throw new ApiError(503, 'no_engine', 'this page came without its engine');
}
