// SPDX-License-Identifier: Apache-2.0
// What the page can show of what it and the service are allowed to do.

export interface SeenRequest {
  key: string;
  path: string;
  kind: string;
  isOwn: boolean;
}

// A socket that the service's process has open, as the system tells it.
export interface Socket {
  local: string; // "127.0.0.1:17741"
  remote: string; // empty: none
  state: string; // "listening", "connected", "closing"; "other": no TCP
}

// Whether each connection came in at a port that is listened at: then the service has made none itself.
export function socketsHold(sockets: readonly Socket[]): boolean {
  const portOf = (address: string) => address.slice(address.lastIndexOf(':') + 1);
  const ports = new Set(sockets.filter(({ state }) => state === 'listening').map(({ local }) => portOf(local)));
  return sockets.every(({ local, remote }) => remote === '' || ports.has(portOf(local)));
}

export interface SeenRequests {
  total: number;
  foreign: number;
  last: SeenRequest[]; // newest first
}

const kMostSeen = 60;
const seen: SeenRequests = { total: 0, foreign: 0, last: [] };

// Keeps the browser's own record of what this page asks for.
export function watchRequests(): void {
  if (typeof PerformanceObserver === 'undefined') return;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
      if (/^(blob|data):/.test(entry.name)) continue;
      const url = new URL(entry.name, window.location.href);
      const isOwn = url.origin === window.location.origin;
      seen.total++;
      if (!isOwn) seen.foreign++;
      seen.last.unshift({ key: `${seen.total}`, path: isOwn ? url.pathname + url.search : url.href, kind: entry.initiatorType, isOwn });
    }
    seen.last.length = Math.min(seen.last.length, kMostSeen);
    performance.clearResourceTimings();
  });
  observer.observe({ type: 'resource', buffered: true });
}

export function requestsOfThisPage(): SeenRequests {
  return { ...seen, last: [...seen.last] };
}

// The policy under which this page came: its own where it is plain files, else its server's.
export async function contentPolicy(): Promise<string> {
  try {
    const own = document.querySelector('meta[http-equiv=content-security-policy]')?.getAttribute('content');
    if (own) return own.split(/;\s*/).join(';\n');
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
