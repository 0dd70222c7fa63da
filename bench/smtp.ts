// Durable SMTP intake: the gateway beside Postfix and beside bare syncs of the same disk, under the same client, in one run. Rates say
// who is quicker while the machine is idle; the processor time for each message says it on a busy one too. The checks of a sender are
// measured with a name service that answers at once: another would be measured with them.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toHex } from '../src/base/bytes.ts';
import { systemRandom } from '../src/base/random.ts';
import { askOffice } from '../src/cli/ask-office.ts';
import { makeKeyPair } from '../src/cmtp/crypto/keys.ts';
import { sealXzibit } from '../src/cmtp/crypto/xzibit.ts';
import { fixedResolver } from '../src/net/resolver.ts';
import { checkSender } from '../src/smtp/in/check.ts';
import { type DkimKey, dkimRecord, signMail } from '../src/smtp/out/dkim.ts';
import { makeDataFolder, startOffice } from '../test/support/office.ts';
import { hasPostfix, openPostfix } from '../test/support/postfix.ts';
import { type Bench, callsPerSecondAsync, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const ROUNDS = 5;
const ROUND_MS = 1000;
const SIZE = 4096;
const SESSIONS = [1, 8, 32];
/** Milliseconds of the unit in which Linux counts processor time. */
const TICK = 10;
const ALICE = 'alice@here.test';
const CONFIG = `
[office]
name = "here.test"
[cmtp]
mailbox_messages = 1000000
mailbox_size = "100 GiB"
[smtp]
check_senders = false
mail_rate = "1000000/s"
connections_per_address = 1000
`;

/** Who takes mail. Postfix checks no sender, so that `gateway` is what it is to be compared with. */
const TAKERS = ['gateway', 'checking', 'cmtp', 'postfix'] as const;
type Taker = (typeof TAKERS)[number];
const TITLES: Readonly<Record<Taker, string>> = {
  gateway: '4 KiB',
  checking: '4 KiB, signed and checked (SPF, DKIM, DMARC, ARC)',
  cmtp: '4 KiB into a CMTP mailbox',
  postfix: 'Postfix',
};

interface Server {
  readonly port: number;
  readonly pid: number;
  readonly message: (id: string) => string;
}

export const bench: Bench = {
  about:
    'durable SMTP intake with 1, 8 and 32 sessions, beside Postfix where it is installed, and beside raw fsync; what checking costs',
  async run(report) {
    await using stack = new AsyncDisposableStack();
    const servers = new Map<Taker, Server>();
    const signer = await makeSigner();
    servers.set('gateway', { ...(await startGateway(stack, { check_senders: false })), message: plainMessage });
    servers.set('checking', { ...(await startGateway(stack, {}, signer.names)), message: signer.message });
    servers.set('cmtp', { ...(await startCmtp(stack)), message: plainMessage });
    if (await hasPostfix()) {
      const { port, pid } = stack.use(await openPostfix({ domain: 'here.test', discards: true }));
      servers.set('postfix', { port, pid, message: plainMessage });
    } else report.progress('Postfix is not installed, or this is not root: the gateway is measured alone');
    for (const sessions of SESSIONS) await intake(sessions, servers, report);
    await checking(signer, report);
  },
};

/** The gateway before an owner who keeps what comes as it is. */
async function startGateway(stack: AsyncDisposableStack, settings: object, names: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const program = join(import.meta.dirname, '..', 'test', 'crash', 'smtp-gateway.ts');
  const given = [folder, '1', JSON.stringify(settings), JSON.stringify(names)];
  const child = spawn(process.execPath, [program, ...given], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { port: Number(String(line).split(' ')[0]), pid: child.pid ?? 0 };
}

/** A whole office, whose CMTP counter takes each message apart and seals it to its reader. */
async function startCmtp(stack: AsyncDisposableStack) {
  const folder = stack.use(await makeDataFolder(CONFIG));
  const office = await startOffice(folder.path, '--only', 'cmtp,smtp');
  stack.defer(async () => void (await office.end('SIGTERM')));
  const keys = makeKeyPair(systemRandom);
  const xzibit = (await sealXzibit(keys, 'bench', systemRandom)).toString('hex');
  const account = { account: 'alice', publicKey: keys.publicKey.toString('hex'), xzibit };
  await askOffice(folder.path, 'cmtp', 'account.add', account);
  return { port: office.ports('SMTP gateway')['for mail servers'] ?? 0, pid: office.child.pid ?? 0 };
}

async function intake(sessions: number, servers: ReadonlyMap<Taker, Server>, report: Report): Promise<void> {
  const seen = new Map([...servers.keys()].map((taker) => [taker, { rates: [0], times: [0], cpu: [0] }]));
  for (const { rates, times, cpu } of seen.values()) rates.length = times.length = cpu.length = 0;
  const syncs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    report.progress(`${sessions} sessions, ${round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`}`);
    const raw = await rawSyncsPerSecond(SIZE, ROUND_MS / 3);
    if (round > 0) syncs.push(raw);
    // In turns, so that a slow spell of the machine meets all of them.
    for (const [taker, server] of servers) {
      const before = await processorTime(server.pid);
      const elapsed = stopwatch();
      const taken = (await Promise.all(Array.from({ length: sessions }, () => converse(server)))).flat();
      const took = elapsed();
      if (round === 0) continue; // they start processes and fill caches
      const figures = seen.get(taker);
      figures?.rates.push((taken.length * 1000) / took);
      figures?.times.push(...taken);
      figures?.cpu.push(((await processorTime(server.pid)) - before) / taken.length);
    }
  }
  const who = sessions === 1 ? '1 session' : `${sessions} sessions`;
  const peer = seen.get('postfix');
  const limit = median(peer?.rates ?? syncs);
  for (const [taker, { rates, times, cpu }] of seen) {
    const about = `${TITLES[taker]}, ${who}`;
    const [value, spent] = [median(rates), median(cpu)];
    if (taker === 'postfix') report.figure({ name: about, value, unit: '/s' });
    else {
      const beside = peer === undefined ? 'raw fsync' : 'Postfix';
      report.figure({ name: `${about}, beside ${beside}`, value, unit: '/s', limit, ratio: value / limit });
    }
    report.figure({ name: `${about}, p50`, value: percentile(times, 50), unit: 'ms' });
    report.figure({ name: `${about}, p99`, value: percentile(times, 99), unit: 'ms' });
    report.figure({ name: `${about}, processor time`, value: spent, unit: 'ms each' });
  }
  report.figure({ name: `raw fsync while ${who} waited their turn`, value: median(syncs), unit: '/s' });
}

/** Milliseconds that a process and its children have used, those that are gone too; 0 where the system does not tell. */
async function processorTime(pid: number): Promise<number> {
  let ticks = 0;
  for (const entry of await readdir('/proc').catch(() => [])) {
    const text = /^\d+$/.test(entry) ? await readFile(`/proc/${entry}/stat`, 'latin1').catch(() => '') : '';
    // Behind the name, which may hold anything: state, parent, ..., and from the 12th on user, system, and both of ended children.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    if (text === '' || (Number(entry) !== pid && fields[1] !== pid)) continue;
    ticks += fields.slice(11, 15).reduce((sum, field) => sum + field, 0);
  }
  return ticks * TICK;
}

/** One session: message after message, the envelope in one packet as mail servers send it. Gives the milliseconds of each. */
function converse({ port, message: write }: Server): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const envelope = `MAIL FROM:<sender@there.test>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\n`;
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const all = stopwatch();
    let [one, heard, step] = [stopwatch(), '', 0];
    /** What is awaited at each step: how many replies, and how the last begins. */
    const steps = [
      { replies: 1, code: '220', say: () => 'EHLO there.test\r\n' },
      { replies: 1, code: '250', say: () => envelope },
      { replies: 3, code: '354', say: message },
      { replies: 1, code: '250', say: next },
    ] as const;
    function message(): string {
      return `${write(toHex(systemRandom.bytes(12)))}.\r\n`;
    }
    function next(): string | undefined {
      times.push(one());
      if (all() > ROUND_MS) return undefined;
      one = stopwatch();
      step = 2; // the greetings are over
      return envelope;
    }
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      heard += chunk;
      const wanted = steps[step];
      const replies = heard.match(/^\d{3}(?: .*)?\r\n/gm) ?? [];
      if (wanted === undefined || replies.length < wanted.replies) return;
      const last = replies[wanted.replies - 1] ?? '';
      heard = '';
      if (!last.startsWith(wanted.code)) return void reject(new Error(`the server says ${last}`));
      if (step === 1) one = stopwatch();
      step += 1;
      const line = wanted.say();
      if (line !== undefined) return void socket.write(line);
      socket.destroy();
      resolve(times);
    });
    socket.once('error', reject);
    socket.once('end', () => reject(new Error('the server went away')));
  });
}

const BODY = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(SIZE / 72));

function plainMessage(id: string): string {
  return `From: sender@there.test\r\nMessage-ID: <${id}@there.test>\r\nSubject: ${id}\r\n\r\n${BODY}`;
}

/** Signed mail, and what the name service says of its signer. */
async function makeSigner() {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key: DkimKey = {
    selector: 'bench',
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
  const record = dkimRecord(key, 'there.test');
  const names = {
    'there.test': { txt: ['v=spf1 ip4:127.0.0.1 -all'] },
    [record.name]: { txt: [record.value] },
    '_dmarc.there.test': { txt: ['v=DMARC1; p=reject'] },
  };
  const sign = () => signMail(Buffer.from(plainMessage('0')), key, ['there.test'], Date.now());
  const signed = (await sign()).toString('latin1');
  return { names, sign, message: (id: string) => `X-Number: ${id}\r\n${signed}` }; // not under the signature
}

async function checking(
  { names, sign, message }: Awaited<ReturnType<typeof makeSigner>>,
  report: Report,
): Promise<void> {
  report.progress('checking a sender');
  const peer = { address: '127.0.0.1', hello: 'there.test' };
  const [mail, resolver] = [Buffer.from(message('0')), fixedResolver(names)];
  const check = async () => {
    await checkSender(mail, 'sender@there.test', peer, 'here.test', resolver);
  };
  for (const [name, call] of [
    ['SPF, DKIM, DMARC and ARC of 4 KiB', check],
    ['DKIM signature over 4 KiB', async () => void (await sign())],
  ] as const) {
    report.figure({
      name: `${name}, one after the other`,
      value: await callsPerSecondAsync(call, ROUND_MS),
      unit: '/s',
    });
  }
}
