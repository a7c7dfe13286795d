// SPDX-License-Identifier: Apache-2.0
// What the page can show of what it and the service are allowed to do.

export interface SeenRequest {
  key: string;
  path: string;
  kind: string;
  isOwn: boolean;
}

// The browser's own record of what this page asked for; newest first.
export function requestsOfThisPage(): SeenRequest[] {
  const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  return entries
    .filter((entry) => !entry.name.startsWith('blob:') && !entry.name.startsWith('data:'))
    .map((entry, i) => {
      const url = new URL(entry.name, window.location.href);
      const isOwn = url.origin === window.location.origin;
      return { key: `${i} ${entry.name}`, path: isOwn ? url.pathname + url.search : url.href, kind: entry.initiatorType, isOwn };
    })
    .reverse();
}

// The policy under which the server sends this page.
export async function contentPolicy(): Promise<string> {
  try {
    const answer = await fetch('./', { method: 'HEAD', cache: 'no-store' });
    return (answer.headers.get('content-security-policy') ?? '').split(/;\s*/).join(';\n');
  } catch {
    return '';
  }
}

// The service's own words for its sandbox (docs/security.md): each part that is there, and what the system lacks.
export function sandboxLines(sandbox: Record<string, unknown>): { isWhole: boolean; lines: [string, string][] } {
  const lines: [string, string][] = [];
  for (const [name, value] of Object.entries(sandbox)) {
    if (Array.isArray(value)) {
      if (value.length > 0) lines.push([name, value.join(', ')]);
    } else lines.push([name, value === true ? '✓' : value === false ? '✗' : String(value)]);
  }
  const lacks = sandbox['lacks'];
  return { isWhole: lines.length > 0 && Array.isArray(lacks) && lacks.length === 0, lines };
}
