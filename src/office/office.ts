// The house as a whole: opened from one folder, changed without dropping anybody, closed with nothing lost.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { messageOf } from '../base/errors.ts';
import { replaceFile } from '../base/files.ts';
import type { Log } from '../base/log.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { nearest } from '../base/text.ts';
import { type Clock, SECOND, systemClock } from '../base/time.ts';
import { type Endpoint, formatEndpoint } from '../net/endpoint.ts';
import { type Resolver, systemResolver } from '../net/resolver.ts';
import type { TlsIdentity } from '../net/tls-identity.ts';
import type { House, OpenCounter } from '../post/counter.ts';
import { LocalDelivery } from '../post/local-delivery.ts';
import { OutgoingMail } from '../post/outgoing-mail.ts';
import type { Post } from '../post/post.ts';
import { Services } from '../post/services.ts';
import type { Store } from '../store/store.ts';
import { readConfigFile, writeConfig } from './config-file.ts';
import { type AskedCounter, answerQuestion } from './control-desk.ts';
import { openControlSocket } from './control-socket.ts';
import { refuseDangers } from './dangers.ts';
import { checkDataFolder, type DataFolder, folderOf, makeDataFolder } from './data-folder.ts';
import { OfficeError } from './errors.ts';
import { type Health, openHealthPage, storeProbe } from './health.ts';
import { startHousekeeping } from './housekeeping.ts';
import { loadIdentity } from './identity.ts';
import { openLog } from './log.ts';
import { openMetrics } from './metrics.ts';
import { type AnyCounter, type Settings, settingsSchema } from './settings.ts';

/** How long conversations may take to finish when the office closes: less than the 5 s within which it means to be gone. */
const GRACE = 4 * SECOND;

export interface OfficeOptions {
  /** A folder that `makeOffice` has made, now or at another time. */
  readonly folder: DataFolder;
  /** All counters that this program has. */
  readonly counters: readonly AnyCounter[];
  /** Names of the counters to open; what the configuration says when not given. */
  readonly only?: readonly string[] | undefined;
  openStore(file: string): Promise<Store>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly resolver?: Resolver;
}

export interface Office {
  readonly post: Post;
  readonly log: Log;
  readonly identity: TlsIdentity;
  readonly listening: readonly OfficePort[];
  /** Where the health page is, if there is one. */
  readonly health: Endpoint | undefined;
  /** Command lines to try, from the counters that are open. */
  readonly firstSteps: readonly string[];
  /**
   * Reads the configuration and the certificate again, and takes them without dropping anybody. Rejects, and leaves all as it
   * was, when anything in them cannot be used. Resolves with the settings that will count after a restart only.
   */
  reload(): Promise<readonly string[]>;
  /** Takes nothing more, lets conversations finish for at most 4 s, and closes the store. Does it once. */
  close(): Promise<void>;
}

interface OfficePort {
  /** The counter's title. */
  readonly counter: string;
  readonly at: Endpoint;
  readonly what: string;
}

/** What the configuration asks for, found fit and safe. */
interface Plan {
  readonly settings: Settings;
  readonly counters: readonly AnyCounter[];
  readonly identity: TlsIdentity;
}

/** Makes the folder and its configuration where they are missing; true when there was no office before. */
export async function makeOffice(folder: DataFolder, counters: readonly AnyCounter[]): Promise<boolean> {
  await makeDataFolder(folder);
  if (existsSync(folder.config)) return false;
  await replaceFile(folder.config, writeConfig(settingsSchema(counters)));
  return true;
}

/** Opens everything, or nothing. Rejects with OfficeError, StoreError or NetError, each of which says what to do. */
export async function openOffice(options: OfficeOptions): Promise<Office> {
  const { folder, clock = systemClock, random = systemRandom } = options;
  await checkDataFolder(folder);
  let plan = await makePlan(options, clock.now());
  const started = plan.settings;

  await using opening = new AsyncDisposableStack();
  const log = openLog(started.log, (name) => resolve(folder.path, name));
  opening.defer(() => log.close());
  const store = await options.openStore(folder.database);
  opening.defer(() => store.close());
  const metrics = openMetrics();
  const resolver = options.resolver ?? systemResolver;
  const post: Post = {
    ...{ store, clock, random, log, metrics, resolver },
    local: new LocalDelivery(),
    outgoing: new OutgoingMail(),
    services: new Services(),
  };

  const rooms: { readonly counter: AnyCounter; readonly open: OpenCounter<unknown> }[] = [];
  opening.defer(async () => {
    await Promise.all(rooms.map(({ open }) => open.close(GRACE)));
  });
  const houseOf = async (counter: AnyCounter, { identity, settings }: Plan): Promise<House> => {
    return { post, identity, folder: await folderOf(folder, counter.name), hostname: settings.office.name };
  };
  for (const counter of plan.counters) {
    const open = await counter.open(await houseOf(counter, plan), started.counters[counter.name]);
    rooms.push({ counter, open });
    const help = `Open conversations at the ${counter.title} counter`;
    metrics.gauge(`postern_${counter.name}_connections`, help, () => open.connections);
  }
  opening.defer(startHousekeeping(post, () => plan.settings.office.sweep_every));

  const listening = (): OfficePort[] =>
    rooms.flatMap(({ counter, open }) => open.listening.map((port) => ({ counter: counter.title, ...port })));
  const probe = storeProbe(store, clock);
  const health = async (): Promise<Health> => {
    const about = {
      counters: rooms.map(({ counter }) => counter.name),
      listening: listening().map(({ at, ...port }) => ({ ...port, at: formatEndpoint(at) })),
      certificateUntil: new Date(plan.identity.validUntil).toISOString(),
    };
    return probe().then(
      (storeMs) => ({ ok: true, storeMs, ...about }),
      (error) => ({ ok: false, reason: messageOf(error), ...about }),
    );
  };
  const takeChanges = async () => {
    const next = await makePlan(options, clock.now());
    const undo: (() => void | Promise<void>)[] = [];
    try {
      log.use(next.settings.log);
      undo.push(() => log.use(plan.settings.log));
      for (const { counter, open } of rooms) {
        const take = async (of: Plan) => open.reload(await houseOf(counter, of), of.settings.counters[counter.name]);
        await take(next);
        undo.push(() => take(plan));
      }
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
    plan = next;
    return needRestart(started, next.settings);
  };
  let turn: Promise<unknown> = Promise.resolve(); // reloads, and the closing, one after the other
  const reload = () => {
    const done = turn.then(takeChanges);
    turn = done.catch(() => {});
    return done;
  };

  const [healthAt] = started.health.listen;
  const desks = async (name: string): Promise<AskedCounter | undefined> => {
    const room = rooms.find(({ counter }) => counter.name === name);
    if (room === undefined) return undefined;
    const { identity: _, ...house } = await houseOf(room.counter, plan);
    return {
      controls: { ...room.counter.controls, ...room.open.controls },
      desk: { ...house, settings: plan.settings.counters[name] },
    };
  };
  const keys = { folder, clock, settings: () => plan.settings, changed: reload };
  const controls = await openControlSocket(folder, (question) => answerQuestion(question, post, keys, desks), log);
  opening.defer(() => controls.close());
  const page = healthAt && (await openHealthPage(healthAt, health, metrics));
  if (page) opening.defer(() => page.close());
  countOffice(post, () => plan.identity);

  const opened = opening.move();
  let closed: Promise<void> | undefined;
  log.info('office.open', { counters: rooms.length, ports: listening().length });
  return {
    log,
    get identity() {
      return plan.identity;
    },
    get listening() {
      return listening();
    },
    health: page?.at,
    post,
    firstSteps: rooms.flatMap(({ counter }) =>
      (counter.firstSteps ?? []).map((step) => step.replaceAll('HOST', started.office.name)),
    ),
    reload,
    close() {
      closed ??= turn.then(async () => {
        log.info('office.close');
        await opened.disposeAsync();
      });
      return closed;
    },
  };
}

/** Everything is judged before anything is touched. */
async function makePlan({ folder, counters, only }: OfficeOptions, now: number): Promise<Plan> {
  const { settings } = await readConfigFile(folder.config, settingsSchema(counters));
  const names = only ?? settings.office.counters;
  const chosen = names.map((name) => counterNamed(name, counters));
  refuseDangers(settings, chosen);
  return { settings, counters: chosen, identity: await loadIdentity(folder, settings, now) };
}

function counterNamed(name: string, counters: readonly AnyCounter[]): AnyCounter {
  const counter = counters.find((candidate) => candidate.name === name);
  if (counter !== undefined) return counter;
  const known = counters.map((candidate) => candidate.name);
  const meant = nearest(name, known);
  throw new OfficeError('config', `there is no counter ${name}`, {
    remedy: meant === undefined ? `there are ${known.join(', ')}` : `did you mean ${meant}?`,
  });
}

function countOffice({ store, metrics }: Post, identity: () => TlsIdentity): void {
  metrics.gauge('postern_mailboxes', 'Mailboxes', async () => (await store.usage()).mailboxes);
  metrics.gauge('postern_messages', 'Stored messages', async () => (await store.usage()).messages);
  metrics.gauge('postern_message_bytes', 'Octets of stored messages', async () => (await store.usage()).bytes);
  metrics.gauge(
    'postern_certificate_expiry_seconds',
    'When the TLS certificate expires, in seconds since 1970',
    () => identity().validUntil / SECOND,
  );
}

/** The settings that a running office cannot take, where they differ. */
function needRestart(started: Settings, changed: Settings): string[] {
  const fixed = ({ office, health }: Settings) => ({
    'office.counters': office.counters,
    'health.listen': health.listen,
  });
  const [before, after] = [fixed(started), fixed(changed)];
  return (['office.counters', 'health.listen'] as const).filter((key) => !isDeepStrictEqual(before[key], after[key]));
}
