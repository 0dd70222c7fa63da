// The remailer as a counter of the office. It stays closed until the operator says `enabled = true`: nobody becomes a
// remailer by accident.

import type { Controls } from '../../post/control.ts';
import type { Counter, House, Listening, OpenCounter } from '../../post/counter.ts';
import { mixDangers, mixWarnings } from './configured.ts';
import type { Remailer } from './remailer.ts';
import { mixService } from './service.ts';
import { type MixSettings, settings } from './settings.ts';

export const mix: Counter<MixSettings> = {
  name: 'mix',
  title: 'Type III remailer',
  settings,
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

/** Closed, or at work. */
class OpenMix implements OpenCounter<MixSettings> {
  #remailer: Remailer | undefined;
  #withdraw = () => {};

  get listening(): readonly Listening[] {
    return this.#remailer?.listening ?? [];
  }

  get connections(): number {
    return this.#remailer?.connections ?? 0;
  }

  get controls(): Controls<MixSettings> {
    return this.#remailer?.controls ?? {};
  }

  async reload(house: House, settings: MixSettings): Promise<void> {
    if (!settings.enabled) return await this.close(0);
    if (this.#remailer !== undefined) return await this.#remailer.use(house, settings);
    const { Remailer } = await import('./remailer.ts');
    this.#remailer = await Remailer.open(house, settings);
    this.#withdraw = house.post.services.provide(mixService, this.#remailer);
  }

  async close(grace: number): Promise<void> {
    this.#withdraw();
    const remailer = this.#remailer;
    this.#remailer = undefined;
    await remailer?.close(grace);
  }
}
