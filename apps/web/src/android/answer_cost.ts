// SPDX-License-Identifier: Apache-2.0
// What the last answer took of the phone, kept with it. The app tells it when the engine has ended the answer, which this
// page may hear before or after it.
import { chats } from '../state/chats.svelte';
import type { Cost } from './protocol';

export async function addCost(cost: Cost): Promise<void> {
  const answer = await chats.lastAnswer();
  if (answer) await answer.chat.addFacts(answer.message, { cost: { cpu_seconds: cost.cpu_seconds, battery_percent: cost.battery_percent ?? null, thermal: cost.thermal } });
}
