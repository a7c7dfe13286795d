// SPDX-License-Identifier: Apache-2.0
// The engine of a page that has one in itself: where it is, and what a person can do about it. Over a server there is none.
import type { BrowserEngine } from '../engine/browser_engine';
import type { Share } from '../engine/builtin_share';
import type { LinkState } from '../engine/engine_link';
import { isModelFile, modelName, sendingOrder } from '../lib/files/model_files';
import { t } from '../lib/i18n/i18n.svelte';
import { BuiltinFetch } from './builtin_fetch.svelte';
import { kBuiltIn, models } from './models.svelte';
import { ui } from './ui.svelte';

const kNoShare = 'thimble:no-share';

class Engine {
  own = $state.raw<BrowserEngine | null>(null);
  link = $state.raw<LinkState | null>(null);
  // The model whose loading ended the page the last time; empty: none did.
  crashed = $state('');
  isAgainRead = $state(false); // that the engine was started again
  // The built-in model, where the page's host has it.
  share = $state.raw<Share | null>(null);
  picked = $state.raw<string[]>([]); // models that are read in place
  private hasLooked = false;

  takeOver(): void {
    this.own?.link.takeOver();
  }

  restart(): void {
    this.own?.link.restart();
  }

  // Whether this browser lets the page keep models.
  get isKeeping(): boolean {
    return this.link?.state !== 'ready' || this.link.facts.storage === 'kept';
  }

  // Once: a host that has none is not asked again by this tab, which needs no network otherwise.
  async lookForBuiltin(): Promise<void> {
    if (this.hasLooked || !this.own) return;
    this.hasLooked = true;
    try {
      if (window.sessionStorage.getItem(kNoShare) !== null) return;
      this.share = await this.own.lookForBuiltin();
      if (!this.share && navigator.onLine) window.sessionStorage.setItem(kNoShare, '1');
    } catch {
      // Nothing can be remembered, so nothing is asked for.
    }
  }

  // After the person said so.
  fetchBuiltin(): void {
    const { own, share } = this;
    if (!own || !share || models.imports.some(({ name }) => name === kBuiltIn)) return;
    models.bring(new BuiltinFetch(own, share, models.prepare, (one) => models.arrived(one)));
  }

  async add(files: readonly File[]): Promise<void> {
    const chosen = files.filter(isModelFile);
    if (chosen.length === 0) return ui.tell(t('models.noModel'));
    // What could not be opened (a damaged pack) makes room for itself anew.
    const name = modelName(chosen);
    if (models.list.some((model) => model.name === name && model.failure_code === 'damaged')) await models.delete(name);
    models.import(chosen);
  }

  // "Open without keeping": gone with this page.
  openInPlace(files: readonly File[]): void {
    const chosen = sendingOrder(files).filter(({ name }) => /\.gguf$/i.test(name));
    const weights = chosen.findLast(({ name }) => !/mmproj/i.test(name));
    if (!weights || !this.own) return ui.tell(t('models.noModel'));
    this.own.pick([...chosen]);
    this.picked = [...new Set([...this.picked, weights.name])];
    void models.openModel(weights.name);
  }

  forget(name: string): void {
    this.own?.link.unpick([name]);
    this.picked = this.picked.filter((other) => other !== name);
    void models.refresh();
  }
}

export const engine = new Engine();
