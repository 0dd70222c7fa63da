// The nymserver as a counter of the office. It stays closed until the operator names a domain. It opens before the remailer, which
// finds its exit offered and tells the directory of it.   spec: mixminion-nym 9

import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { exitOffer, mixService } from '../mixminion/node/service.ts';
import type { Controls } from '../post/control.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../post/counter.ts';
import { MAX_MESSAGE } from './messages/frames.ts';
import { CONTROL } from './server/addresses.ts';
import { controls, openControls } from './server/controls.ts';
import { Curtain } from './server/curtain.ts';
import { nymExit } from './server/exit.ts';
import { Nymserver } from './server/nymserver.ts';
import { prepareReply } from './server/replying.ts';
import { limitsOf, type NymSettings, settings } from './server/settings.ts';

const KIBI = 1024;

export const nym: Counter<NymSettings> = {
  name: 'nym',
  title: 'Underhill nymserver',
  settings,
  chapter: () => import('./chapter.ts').then(({ chapter }) => chapter),
  controls,
  rests: ({ domain }) => domain === '',
  warnings,
  listens: () => [],
  async open(house, settings) {
    const open = new OpenNymserver(house);
    await open.reload(house, settings);
    return open;
  },
};

/** Both ways to a nym are other counters of the same office.   spec: mixminion-nym 9 */
function warnings({ domain }: NymSettings, beside: ReadonlySet<string> = new Set()): Danger[] {
  if (domain === '') return [];
  const found: Danger[] = [];
  if (!beside.has('mix')) {
    found.push({
      setting: 'nym.domain',
      message: 'no remailer is open in this office: nobody can ask for a nym, and no nymholder hears anything',
      remedy: 'set mix.enabled = true, and have "mix" among office.counters',
    });
  }
  if (!beside.has('smtp')) {
    found.push({
      setting: 'nym.domain',
      message: 'no SMTP gateway is open in this office: no nym gets mail from the world, or sends any',
      remedy: 'have "smtp" among office.counters',
    });
  }
  return found;
}

/** Closed, or at work. */
class OpenNymserver implements OpenCounter<NymSettings> {
  readonly listening: readonly Listening[] = [];
  readonly connections = 0;
  readonly #count: (what: string) => void;
  #settings: NymSettings | undefined;
  #nymserver: Nymserver | undefined;
  #end: (() => void)[] = [];

  constructor({ post }: House) {
    const count = post.metrics.counter('postern_nym_events_total', 'What the nymserver did', ['what']);
    this.#count = (what) => count({ what });
  }

  get controls(): Controls<NymSettings> {
    return this.#nymserver ? openControls(this.#nymserver) : {};
  }

  async reload({ post, folder }: House, settings: NymSettings): Promise<void> {
    if (isDeepStrictEqual(settings, this.#settings)) return;
    await this.close(0);
    this.#settings = settings;
    const { reply_path } = settings;
    const domain = settings.domain.toLowerCase();
    if (domain === '') return;
    const nymserver = new Nymserver({
      post,
      domain,
      curtain: await Curtain.open(join(folder, 'work', 'curtain'), post.random, post.clock.now()),
      limits: limitsOf(settings),
      prepareReply: (packets) => prepareReply(post.services.get(mixService), reply_path, packets, post.random),
      sendMail: (departure) => post.outgoing.send(departure),
      count: this.#count,
    });
    const offer = {
      module: nymExit(nymserver),
      nym: { domain, maximumSize: MAX_MESSAGE / KIBI },
      mbox: { name: CONTROL, address: `${CONTROL}@${domain}` },
    };
    this.#end = [post.local.register(nymserver.addresses), post.services.provide(exitOffer, offer)];
    this.#nymserver = nymserver;
    nymserver.start();
  }

  async close(grace: number): Promise<void> {
    for (const end of this.#end.splice(0)) end();
    const nymserver = this.#nymserver;
    this.#nymserver = undefined;
    this.#settings = undefined;
    await nymserver?.stop(grace);
  }
}
