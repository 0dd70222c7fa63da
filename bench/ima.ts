// IMA as servers load it: durable messages over IMDP into an office, and with one program for each message, beside raw fsync; and how long
// programs of the suite take from start to end.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '../src/base/random.ts';
import { systemClock } from '../src/base/time.ts';
import { askOffice } from '../src/cli/ask-office.ts';
import { compose } from '../src/ima/compose.ts';
import { type HeldLetter, wholeOf } from '../src/ima/letter.ts';
import { clientAs, makeWorld, startImaProgram, type World } from '../test/support/ima.ts';
import { makeDataFolder, startOffice } from '../test/support/office.ts';
import { type Bench, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const ROUNDS = 3;
const ROUND_MS = 2000;
const SIZE = 4 * 1024;
const SENDERS = [1, 16];
const STARTS = 20;
const KEY = '00'.repeat(32);
const PROGRAMS = join(import.meta.dirname, '..', 'bin');

export const bench: Bench = {
  about:
    'durable IMDP messages of 4 KiB into an office and with a program for each, beside raw fsync; starts of the programs',
  async run(report) {
    await using world = await makeWorld();
    const { cert, key } = await world.files('b.test');
    const trust = `cert = ${JSON.stringify(cert)}\nkey = ${JSON.stringify(key)}\nextra_ca = [${JSON.stringify(world.rootFile)}]\nonly_extra_ca = true\n`;
    await inOffice(world, trust, report);
    await byPrograms(world, trust, report);
    await starts(world, report);
  },
};

async function inOffice(world: World, trust: string, report: Report): Promise<void> {
  const tables =
    '[ima.server-receive]\nconnections_per_address = 100\n[ima.server-give-recipient]\nmax_messages = 0\nmax_bytes = "0 B"\n';
  await using folder = await makeDataFolder(
    `[office]\ncounters = ["ima"]\n[ima]\nhostparts = ["b.test"]\n${trust}${tables}`,
  );
  const office = await startOffice(folder.path);
  try {
    await askOffice(folder.path, 'ima', 'account.add', { address: 'bob@b.test', keys: [KEY] });
    const port = office.ports('IMA')['IMDP'] ?? 0;
    for (const senders of SENDERS)
      await measure(world, port, senders, `IMDP into an office, ${people(senders)}`, report);
  } finally {
    await office.end('SIGTERM');
  }
}

async function byPrograms(world: World, trust: string, report: Report): Promise<void> {
  const at = (name: string) => join(world.folder, name);
  const handling = `[server-handle-incoming-mail]\nhostparts = ["b.test"]\nrouting_table = ${JSON.stringify(at('table'))}\nmailboxes = ${JSON.stringify(at('mailboxes'))}\n`;
  await writeFile(at('handle.toml'), handling);
  await writeFile(at('table'), '@b.test builtin:give-recipient %m/inbox\n');
  const handler = `${process.execPath} ${join(PROGRAMS, 'server-handle-incoming-mail.js')} --config ${at('handle.toml')}`;
  const receiving = `[server-receive]\nlisten = ["127.0.0.1:0"]\nhostparts = ["b.test"]\nhandler = ${JSON.stringify(handler)}\nrouting_table = ${JSON.stringify(at('table'))}\nconnections_per_address = 100\n${trust}`;
  await writeFile(at('server-receive_config.toml'), receiving);
  const { child, port } = await startImaProgram('server-receive', [], world.folder);
  try {
    for (const senders of SENDERS)
      await measure(world, port, senders, `IMDP with a program for each message, ${people(senders)}`, report);
  } finally {
    child.kill();
  }
}

async function measure(world: World, port: number, senders: number, name: string, report: Report): Promise<void> {
  const [rates, syncs, times]: [number[], number[], number[]] = [[], [], []];
  for (let round = 1; round <= ROUNDS; round += 1) {
    report.progress(`${name}, round ${round} of ${ROUNDS}`);
    syncs.push(await rawSyncsPerSecond(SIZE, ROUND_MS / 2));
    const all = stopwatch();
    const sent = await Promise.all(Array.from({ length: senders }, () => sendFor(world, port)));
    rates.push((sent.flat().length * 1000) / all());
    times.push(...sent.flat());
  }
  const [value, limit] = [median(rates), median(syncs)];
  report.figure({ name: `${name}, beside raw fsync`, value, unit: '/s', limit, ratio: value / limit });
  report.figure({ name: `${name}, p50`, value: percentile(times, 50), unit: 'ms' });
  report.figure({ name: `${name}, p99`, value: percentile(times, 99), unit: 'ms' });
}

/** Sends one message after the other on one connection for a round; gives the milliseconds of each. */
async function sendFor(world: World, port: number): Promise<number[]> {
  const client = await clientAs(world, { host: 'b.test', port, as: 'a.test' });
  const times: number[] = [];
  for (const all = stopwatch(); all() < ROUND_MS; ) {
    const letter = letterOfSize(SIZE);
    const one = stopwatch();
    await client.offer(letter.head);
    if ((await client.send(letter, () => {})) !== 'OK') throw new Error('the server says no');
    times.push(one());
  }
  await client.done();
  return times;
}

/** Bare Node beside them: what no program can be quicker than. */
async function starts(world: World, report: Report): Promise<void> {
  if (!existsSync(join(PROGRAMS, '..', 'dist'))) throw new Error('build first: npm run build');
  const letter = join(world.folder, 'letter');
  await writeFile(letter, await wholeOf(letterOfSize(6)));
  const handle = ['--config', join(world.folder, 'handle.toml'), letter];
  const send = ['--config', join(world.folder, 'send.toml'), letter];
  await writeFile(join(world.folder, 'send.toml'), await sendingAtHome(world));
  const programs: [name: string, args: readonly string[]][] = [
    ['server-give-recipient', [join(world.folder, 'inbox'), letter]],
    ['server-handle-incoming-mail', handle],
    ['server-send-mail', send],
    ['make-ima-message', ['--from', 'alice@a.test', '--to', 'bob@b.test', '--text', letter]],
  ];
  const time = (args: readonly string[]) => {
    const elapsed = stopwatch();
    if (spawnSync(process.execPath, args, { stdio: 'ignore' }).status !== 0) throw new Error('the program failed');
    return elapsed();
  };
  for (const [name, args] of programs) {
    const [own, bare]: [number[], number[]] = [[], []];
    for (let start = 0; start < STARTS; start += 1) {
      report.progress(`starts of ${name}, ${start + 1} of ${STARTS}`);
      bare.push(time(['-e', '0']));
      own.push(time([join(PROGRAMS, `${name}.js`), ...args]));
    }
    const [value, limit] = [median(own), median(bare)];
    report.figure({
      ...{ name: `${name} from start to end, beside bare Node`, value, unit: 'ms' },
      ...{ limit, ratio: value / limit },
    });
  }
}

/** To a reader of its own domain, so that no other server's time counts. */
async function sendingAtHome(world: World): Promise<string> {
  const { cert, key } = await world.files('b.test');
  const table = JSON.stringify(join(world.folder, 'table'));
  const handling = JSON.stringify(join(world.folder, 'handle.toml'));
  return `[server-send-mail]\nhostparts = ["b.test"]\nrouting_table = ${table}\nhandler_config = ${handling}\ncert = ${JSON.stringify(cert)}\nkey = ${JSON.stringify(key)}\n`;
}

function letterOfSize(size: number): HeldLetter {
  const content = systemRandom.bytes(size);
  return compose(
    { from: 'alice@a.test', to: ['bob@b.test'], parts: [{ role: 'body', type: 'text/plain', content }] },
    { clock: systemClock, random: systemRandom },
  );
}

function people(count: number): string {
  return count === 1 ? '1 sender' : `${count} senders`;
}
