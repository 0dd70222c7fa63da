// Looks an office over, running or not, and says what it finds and what to do: folder, configuration, certificate, disk, clock.

import { existsSync } from 'node:fs';
import { readFile, stat, statfs } from 'node:fs/promises';
import { messageOf, PosternError } from '../base/errors.ts';
import { formatSize } from '../base/text.ts';
import { type Clock, DAY, MINUTE, SECOND } from '../base/time.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import { readTlsIdentity } from '../net/tls-identity.ts';
import { checkConfig } from './check-config.ts';
import { atWork } from './dangers.ts';
import { checkDataFolder, type DataFolder } from './data-folder.ts';
import type { Health } from './health.ts';
import { isDemoIdentity, readGivenIdentity } from './identity.ts';
import type { AnyCounter, Settings } from './settings.ts';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const DISK_LOW = GIB;
const DISK_FULL = 100 * MIB;
const CERTIFICATE_SOON = 30 * DAY;
const HEALTH_PATIENCE = 5 * SECOND;
const CLOCK_DRIFT = SECOND;
/** No office ran before this: a clock that says so is wrong. */
const FIRST_RELEASE = Date.UTC(2026, 10, 1);

export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'fault';
  readonly says: string;
  readonly remedy?: string;
}

/** Looks at everything that can be looked at; changes nothing. */
export async function examine(folder: DataFolder, counters: readonly AnyCounter[], clock: Clock): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = async (name: string, work: () => Promise<Omit<Finding, 'name'>>) => {
    findings.push({ name, ...(await work().catch(fault)) });
  };
  await look('data folder', async () => {
    await checkDataFolder(folder);
    return { state: 'ok', says: `${folder.path}, for its owner alone` };
  });
  let settings: Settings | undefined;
  if (existsSync(folder.config)) {
    await look('configuration', async () => {
      ({ settings } = await checkConfig(folder, counters));
      return { state: 'ok', says: folder.config };
    });
  }
  if (settings !== undefined) {
    const known = settings;
    await look('certificate', () => certificate(folder, known, clock.now()));
    const health = await askHealth(known);
    const names = health?.counters ?? known.office.counters; // one that runs may have opened fewer, or others
    const open = counters.filter(({ name }) => names.includes(name));
    await look('office', async () => running(known, open, health));
    const beside = atWork(known, open);
    for (const counter of open) {
      for (const { setting, message, remedy } of counter.warnings?.(known.counters[counter.name], beside) ?? []) {
        findings.push({ name: counter.name, state: 'warning', says: `${setting}: ${message}`, remedy });
      }
    }
  }
  await look('disk', () => disk(folder));
  await look('clock', () => time(folder, clock));
  return findings;
}

async function certificate(folder: DataFolder, settings: Settings, now: number): Promise<Omit<Finding, 'name'>> {
  const given = await readGivenIdentity(folder, settings);
  const own = given === undefined;
  if (own && !existsSync(folder.tlsCertificate)) return { state: 'ok', says: 'will be made at the first start' };
  const { validFrom, validUntil } =
    given ?? readTlsIdentity(await readFile(folder.tlsCertificate, 'utf8'), await readFile(folder.tlsKey, 'utf8'));
  const left = Math.floor((validUntil - now) / DAY);
  const says = `${isDemoIdentity(settings) ? 'for this machine only, ' : ''}made ${day(validFrom)}, good until ${day(validUntil)}`;
  if (left < 0) return { state: 'fault', says: `${says}: expired`, remedy: 'put a new one in its place, then SIGHUP' };
  if (validUntil - now < CERTIFICATE_SOON && !own) {
    return { state: 'warning', says: `${says}: ${left} days left`, remedy: 'renew it, then SIGHUP' };
  }
  return { state: 'ok', says };
}

/** What the running office says of itself; undefined when none answers. */
async function askHealth({ health }: Settings): Promise<Health | undefined> {
  const [at] = health.listen;
  if (at === undefined) return undefined;
  try {
    const answer = await fetch(`http://${formatEndpoint(at)}/health`, { signal: AbortSignal.timeout(HEALTH_PATIENCE) });
    return (await answer.json()) as Health;
  } catch {
    return undefined;
  }
}

/** What listens, from the running office itself. */
function running(
  settings: Settings,
  counters: readonly AnyCounter[],
  health: Health | undefined,
): Omit<Finding, 'name'> {
  if (health === undefined) {
    const wanted = counters.flatMap((counter) => counter.listens(settings.counters[counter.name]).map(formatEndpoint));
    const would = wanted.length > 0 ? `would listen on ${wanted.join(', ')}` : 'would listen nowhere';
    if (settings.health.listen.length === 0) return { state: 'ok', says: `has no health page to ask; ${would}` };
    return { state: 'warning', says: `does not answer; ${would}`, remedy: 'start it: postern serve' };
  }
  if (!health.ok) {
    return {
      state: 'fault',
      says: `runs, but takes no mail: ${health.reason}`,
      remedy: 'read its log, then restart it',
    };
  }
  const ports = health.listening.map((port) => `${port.counter} on ${port.at} (${port.what})`);
  return { state: 'ok', says: `runs; ${ports.length > 0 ? ports.join(', ') : 'listens nowhere'}` };
}

async function disk(folder: DataFolder): Promise<Omit<Finding, 'name'>> {
  const place = existsSync(folder.path) ? folder.path : '.';
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  const says = `${formatSize(free)} free`;
  if (free < DISK_FULL) return { state: 'fault', says, remedy: 'make room: without it no mail is taken in' };
  if (free < DISK_LOW) return { state: 'warning', says, remedy: 'make room soon' };
  return { state: 'ok', says };
}

/** Without asking the network: is the time possible, and does it run evenly? */
async function time(folder: DataFolder, clock: Clock): Promise<Omit<Finding, 'name'>> {
  const remedy = 'set the clock and keep it right, with chrony or systemd-timesyncd';
  const now = clock.now();
  const says = new Date(now).toISOString();
  if (now < FIRST_RELEASE) return { state: 'fault', says: `${says}: before this program was made`, remedy };
  const written = existsSync(folder.database) ? (await stat(folder.database)).mtimeMs : 0;
  if (written > now + MINUTE) {
    return { state: 'fault', says: `${says}: the store was written later than that`, remedy };
  }
  const drift = Math.abs(clock.now() - (performance.timeOrigin + performance.now()));
  if (drift > CLOCK_DRIFT) {
    return {
      state: 'warning',
      says: `${says}: it was moved by ${Math.round(drift)} ms while this program ran`,
      remedy,
    };
  }
  return { state: 'ok', says };
}

function fault(error: unknown): Omit<Finding, 'name'> {
  const remedy = error instanceof PosternError ? error.remedy : undefined;
  return { state: 'fault', says: messageOf(error), ...(remedy === undefined ? {} : { remedy }) };
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
