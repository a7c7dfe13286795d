// SPDX-License-Identifier: Apache-2.0
// Addresses of this app's own worker scripts, for pages whose content policy has `require-trusted-types-for 'script'`: they
// allow the policy `thimble-worker`, which lets nothing else through.

interface TrustedPolicy {
  createScriptURL(url: string): string;
}
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): TrustedPolicy;
}

let policy: TrustedPolicy | null = null;

function checked(url: string): string {
  const whole = new URL(url, self.location.href);
  if (whole.origin !== self.location.origin) throw new TypeError(`${url} is no script of this page`);
  return whole.href;
}

export function ownScript(url: string): string {
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes;
  if (!types) return checked(url);
  try {
    policy ??= types.createPolicy('thimble-worker', { createScriptURL: checked });
  } catch {
    return checked(url); // the content policy knows none and may ask for none
  }
  return policy.createScriptURL(url);
}
