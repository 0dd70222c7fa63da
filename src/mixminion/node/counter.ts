// The remailer as a counter of the office. It stays closed until the operator says `enabled = true`: nobody becomes a
// remailer by accident.

import { z } from 'zod';
import { PosternError } from '../../base/errors.ts';
import { SECOND } from '../../base/time.ts';
import { Turns } from '../../base/turns.ts';
import { type Controls, control } from '../../post/control.ts';
import type { Counter, House, Listening, OpenCounter } from '../../post/counter.ts';
import { mixDangers, mixWarnings } from './configured.ts';
import { publishUrls } from './directory/settings.ts';
import { destroyKeys, keyFolderOf } from './keys/key-files.ts';
import type { Remailer } from './remailer.ts';
import { mixService } from './service.ts';
import { type MixSettings, settings } from './settings.ts';

export const mix: Counter<MixSettings> = {
  name: 'mix',
  title: 'Type III remailer',
  settings,
  rests: ({ enabled }) => !enabled,
  dangers: mixDangers,
  warnings: mixWarnings,
  listens: ({ enabled, compat, listen, listen_compat }) =>
    enabled ? [...listen, ...(compat === 'none' ? [] : listen_compat)] : [],
  async open(house, settings) {
    const open = new OpenMix();
    await open.reload(house, settings);
    return open;
  },
};

/** What the operator hears when keys were replaced. */
export interface ReplacedKeys {
  /** Of the identity key, upper-case hex. */
  readonly fingerprint: string;
  /** Of the one before, where it was replaced too. */
  readonly before?: string;
  /** The new ones, that others have yet to learn. */
  readonly descriptors: number;
  /** Whether directory servers are told of them. */
  readonly publishes: boolean;
}

/** How long packets that came in may take to be opened with the keys that are about to go. */
const LAST_PACKETS = 10 * SECOND;

/** Closed, or at work. */
class OpenMix implements OpenCounter<MixSettings> {
  #remailer: Remailer | undefined;
  #withdraw = () => {};
  /** It opens, changes and closes one after the other. */
  readonly #turns = new Turns();
  #plan: { readonly house: House; readonly settings: MixSettings } | undefined;

  get listening(): readonly Listening[] {
    return this.#remailer?.listening ?? [];
  }

  get connections(): number {
    return this.#remailer?.connections ?? 0;
  }

  get controls(): Controls<MixSettings> {
    if (this.#remailer === undefined) return {};
    return {
      ...this.#remailer.controls,
      'keys.replace': control(z.strictObject({ identity: z.boolean() }), (_, { identity }) =>
        this.#turns.take('', () => this.#replaceKeys(identity)),
      ),
    };
  }

  reload(house: House, settings: MixSettings): Promise<void> {
    return this.#turns.take('', async () => {
      if (!settings.enabled) await this.#close(0);
      else if (this.#remailer === undefined) await this.#open(house, settings);
      else await this.#remailer.use(house, settings);
      this.#plan = { house, settings };
    });
  }

  close(grace: number): Promise<void> {
    return this.#turns.take('', () => this.#close(grace));
  }

  async #open(house: House, settings: MixSettings): Promise<void> {
    const { Remailer } = await import('./remailer.ts');
    this.#remailer = await Remailer.open(house, settings);
    this.#withdraw = house.post.services.provide(mixService, this.#remailer);
  }

  async #close(grace: number): Promise<void> {
    this.#withdraw();
    const remailer = this.#remailer;
    this.#remailer = undefined;
    await remailer?.close(grace);
  }

  /**
   * The keys may be in other hands. The remailer goes away for a moment, so that no link outlives the key that it began with, and
   * comes back with what it holds, under new keys that the directory servers are told of.   spec: mixminion-server 8.2
   */
  async #replaceKeys(identity: boolean): Promise<ReplacedKeys> {
    const before = this.#remailer?.fingerprint;
    const plan = this.#plan;
    if (before === undefined || plan === undefined) throw new PosternError('closed', 'the remailer is closed');
    await this.#close(LAST_PACKETS);
    await destroyKeys(keyFolderOf(plan.house.folder), { identity });
    await this.#open(plan.house, plan.settings);
    const { fingerprint = '', unpublished = 0 } = this.#remailer ?? {};
    const publishes = publishUrls(plan.settings.directory).length > 0;
    return { fingerprint, ...(identity && { before }), descriptors: unpublished, publishes };
  }
}
