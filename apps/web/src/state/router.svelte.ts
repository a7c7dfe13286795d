// SPDX-License-Identifier: Apache-2.0
// Which page is shown: the address's fragment (#/chat/ID, #/models, ...), so that back and forward work in every carrier.
export type Route =
  | { page: 'chat'; id: string }
  | { page: 'models' | 'settings' | 'proof' | 'about' | 'device' | 'check' };

export function parseRoute(hash: string): Route {
  const [, page, id] = hash.replace(/^#/, '').split('/');
  if (page === 'models' || page === 'settings' || page === 'proof' || page === 'about' || page === 'device' || page === 'check') return { page };
  return { page: 'chat', id: page === 'chat' && id && /^[A-Za-z0-9]{1,64}$/.test(id) ? id : '' };
}

class Router {
  route = $state<Route>({ page: 'chat', id: '' });

  start(): void {
    this.read();
    window.addEventListener('hashchange', () => this.read());
  }

  go(path: string, replace = false): void {
    const hash = `#/${path}`;
    if (window.location.hash === hash) return;
    if (replace) window.history.replaceState(null, '', hash);
    else window.history.pushState(null, '', hash);
    this.read();
  }

  // Something else stood behind the #: what is shown stays shown.
  restore(): void {
    const { route } = this;
    window.history.replaceState(null, '', `#/${route.page}${route.page === 'chat' && route.id ? `/${route.id}` : ''}`);
  }

  private read(): void {
    this.route = parseRoute(window.location.hash);
  }
}

export const router = new Router();
