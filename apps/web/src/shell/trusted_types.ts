// SPDX-License-Identifier: Apache-2.0
// The content policy forbids strings where code is loaded from. Workers have to be loaded; this is the one place that lets
// them: files of the page's own folder.

interface TrustedTypesFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string | null }): unknown;
}

export function isOwnScript(url: string, page: string): boolean {
  try {
    const folder = new URL('./', page).href;
    return new URL(url, page).href.startsWith(folder);
  } catch {
    return false;
  }
}

export function trustOwnWorkers(): void {
  const types = (window as { trustedTypes?: TrustedTypesFactory }).trustedTypes;
  types?.createPolicy('default', { createScriptURL: (url) => (isOwnScript(url, document.baseURI) ? url : null) });
}
