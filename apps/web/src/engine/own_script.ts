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

// Whether `url` is below the folder `top`.
export function isOwnScript(url: string, top: string): boolean {
  try {
    return new URL(url, top).href.startsWith(top);
  } catch {
    return false;
  }
}

// The page's folder; in a worker, which lies deeper in it, the address' origin.
const top = () => (typeof document === 'undefined' ? `${self.location.origin}/` : new URL('./', document.baseURI).href);

function checked(url: string): string {
  const whole = new URL(url, self.location.href);
  if (!isOwnScript(whole.href, top())) throw new TypeError(`${url} is no script of this page`);
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
