// SPDX-License-Identifier: Apache-2.0
// The models that are here, and those on their way in.
import { ApiError, ask } from '../lib/transport/transport';
import type { Space } from '../lib/store/types';
import { t } from '../lib/i18n/i18n.svelte';
import { isOfBrowser, isOfServer } from '../lib/carrier_kind';
import { connection } from './connection.svelte';
import { faultText } from './faults';
import { ModelImport, type Arriving, type Prepare } from './model_import.svelte';
import { keptStore, transport } from './session';
import { ui } from './ui.svelte';

export interface StoredModel {
  name: string;
  title?: string;
  bytes: number;
  built_in: boolean;
  open: boolean;
  opening?: number; // share
  fits: boolean;
  why?: string; // not
  failure?: string; // why it could not be opened the last time
  failure_code?: 'out_of_memory' | 'damaged' | 'outdated';
}

// What the model is called that a page with its own engine gets from its host.
export const kBuiltIn = 'built-in';

class Models {
  list = $state.raw<StoredModel[]>([]);
  unfinished = $state.raw<{ name: string; files: string[] }[]>([]);
  space = $state.raw<Space | null>(null);
  fault = $state('');
  busy = $state(''); // the model that something is being done with
  imports = $state<Arriving[]>([]);
  isKnown = $state(false); // the list has come once
  canDeletePacks = $state(true); // until a service says that it knows no such thing

  get open(): StoredModel | undefined {
    return this.list.find((model) => model.open) ?? this.list.find((model) => model.name === connection.info?.model.name);
  }

  get isBuiltIn(): boolean {
    return this.open ? this.isTiny(this.open) : connection.info?.model.name === 'builtin';
  }

  isTiny({ built_in: isBuiltIn, name }: StoredModel): boolean {
    return isBuiltIn || (isOfBrowser() && name === kBuiltIn);
  }

  // No model is open or about to be. A service of this page's own begins like that; a server says it in other ways.
  get isMissing(): boolean {
    if (isOfServer() || !this.isKnown || !connection.isReady || connection.info?.model.open) return false;
    return this.busy === '' && !this.list.some(({ open, opening }) => open || opening !== undefined);
  }

  get title(): string {
    return this.open?.title || this.open?.name || (connection.info?.model.name ?? '');
  }

  get sees(): boolean {
    return connection.info?.model.sees ?? false;
  }

  async refresh(): Promise<void> {
    try {
      const told = await ask<{ models: StoredModel[]; unfinished: { name: string; files: string[] }[] }>(transport, 'GET', '/thimble/v1/models');
      this.list = told.models;
      this.unfinished = told.unfinished ?? [];
      this.isKnown = true;
      this.fault = '';
    } catch (error) {
      this.fault = faultText(error);
    }
    try {
      this.space = await keptStore.space();
    } catch {
      this.space = null;
    }
  }

  async openModel(name: string): Promise<void> {
    await this.doing(name, async () => {
      await ask(transport, 'POST', `/thimble/v1/models/${encodeURIComponent(name)}/open`, {});
      for (let tries = 0; tries < 600; tries++) {
        await this.refresh();
        const model = this.list.find((other) => other.name === name);
        if (!model || model.open || (model.opening === undefined && tries > 5)) break;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      await connection.look();
    });
  }

  async unload(): Promise<void> {
    await this.doing(this.open?.name ?? '', async () => {
      await ask(transport, 'POST', '/thimble/v1/models/unload', {});
      await connection.look();
      await this.refresh();
    });
  }

  async delete(name: string): Promise<void> {
    await this.doing(name, async () => {
      await ask(transport, 'DELETE', `/thimble/v1/models/${encodeURIComponent(name)}`);
      await this.refresh();
    });
  }

  // What was made of models so that they open faster.
  async deletePacks(): Promise<void> {
    if (this.busy !== '') return;
    await this.doing('packs', async () => {
      try {
        await ask(transport, 'DELETE', '/thimble/v1/packs');
        ui.tell(t('space.packsGone'));
      } catch (error) {
        if (!(error instanceof ApiError) || ![404, 405, 501].includes(error.status)) throw error;
        this.canDeletePacks = false;
        ui.tell(t('space.packsCannot'));
      }
    });
    if (this.fault === '') await this.refresh();
  }

  import(files: File[]): void {
    if (files.length === 0) return;
    this.bring(new ModelImport(files, this.prepare, (one) => this.arrived(one)));
  }

  bring(one: Arriving): void {
    this.imports.push(one);
    void one.run();
  }

  // What else a carrier does before a model is sent, and when it is there.
  prepare: Prepare = () => Promise.resolve('');
  arrived: (one: Arriving) => void = () => void this.refresh();

  dismiss(one: Arriving): void {
    one.stop();
    this.imports = this.imports.filter((other) => other !== one);
  }

  private async doing(name: string, work: () => Promise<void>): Promise<void> {
    this.busy = name;
    this.fault = '';
    try {
      await work();
    } catch (error) {
      this.fault = faultText(error);
    }
    this.busy = '';
  }
}

export const models = new Models();
