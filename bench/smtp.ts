// Durable SMTP intake: the gateway beside Postfix and beside bare syncs of the same disk, under the same client, in one run. What the
// checks of a sender cost is measured apart, since a name service would be measured with them.

import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
const ROUND_MS = 1500;
const SIZE = 4096;
const SESSIONS = [1, 8, 32];
const ALICE = 'alice@here.test';
const SETTINGS = { check_senders: false };
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

export const bench: Bench = {
  about:
    'durable SMTP intake with 1, 8 and 32 sessions, beside Postfix where it is installed, and beside raw fsync; what checking costs',
  async run(report) {
    await using servers = new AsyncDisposableStack();
    const gateway = await startGateway(servers);
    const cmtp = await startCmtp(servers);
    const isThere = await hasPostfix();
    if (!isThere) report.progress('Postfix is not installed, or this is not root: the gateway is measured alone');
    const postfix = isThere ? servers.use(await openPostfix({ domain: 'here.test', discards: true })).port : undefined;
    for (const sessions of SESSIONS) await intake(sessions, { gateway, cmtp, postfix }, report);
    await checking(report);
  },
};

/** The gateway before an owner who keeps what comes as it is. */
async function startGateway(servers: AsyncDisposableStack): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  servers.defer(() => rm(folder, { recursive: true }));
  const program = join(import.meta.dirname, '..', 'test', 'crash', 'smtp-gateway.ts');
  const child = spawn(process.execPath, [program, folder, '1', JSON.stringify(SETTINGS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  servers.defer(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(String(line).split(' ')[0]);
}

/** A whole office, whose CMTP counter takes each message apart and seals it to its reader. */
async function startCmtp(servers: AsyncDisposableStack): Promise<number> {
  const folder = servers.use(await makeDataFolder(CONFIG));
  const office = await startOffice(folder.path, '--only', 'cmtp,smtp');
  servers.defer(async () => void (await office.end('SIGTERM')));
  const keys = makeKeyPair(systemRandom);
  const xzibit = (await sealXzibit(keys, 'bench', systemRandom)).toString('hex');
  const account = { account: 'alice', publicKey: keys.publicKey.toString('hex'), xzibit };
  await askOffice(folder.path, 'cmtp', 'account.add', account);
  return office.port('SMTP gateway');
}

async function intake(
  sessions: number,
  ports: Readonly<Record<'gateway' | 'cmtp' | 'postfix', number | undefined>>,
  report: Report,
): Promise<void> {
  const names = ['gateway', 'cmtp', 'postfix'] as const;
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const times = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const syncs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    report.progress(`${sessions} sessions, ${round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`}`);
    const raw = await rawSyncsPerSecond(SIZE, ROUND_MS / 3);
    if (round > 0) syncs.push(raw);
    // In turns, so that a slow spell of the machine meets all of them.
    for (const name of names) {
      const port = ports[name];
      if (port === undefined) continue;
      const elapsed = stopwatch();
      const taken = (await Promise.all(Array.from({ length: sessions }, () => converse(port)))).flat();
      if (round === 0) continue; // they start processes and fill caches
      rates[name]?.push((taken.length * 1000) / elapsed());
      times[name]?.push(...taken);
    }
  }
  const who = sessions === 1 ? '1 session' : `${sessions} sessions`;
  const rate = (name: (typeof names)[number]) => median(rates[name] ?? []);
  const beside = (name: string, value: number, limit: number) =>
    report.figure({ name, value, unit: '/s', limit, ratio: value / limit });
  const spread = (title: string, name: (typeof names)[number]) => {
    report.figure({ name: `${title}, ${who}, p50`, value: percentile(times[name] ?? [], 50), unit: 'ms' });
    report.figure({ name: `${title}, ${who}, p99`, value: percentile(times[name] ?? [], 99), unit: 'ms' });
  };
  beside(`4 KiB, ${who}, beside raw fsync`, rate('gateway'), median(syncs));
  spread('4 KiB', 'gateway');
  if (ports.postfix !== undefined) {
    beside(`4 KiB, ${who}, beside Postfix`, rate('gateway'), rate('postfix'));
    spread('Postfix', 'postfix');
    beside(`4 KiB into a CMTP mailbox, ${who}, beside Postfix`, rate('cmtp'), rate('postfix'));
  } else beside(`4 KiB into a CMTP mailbox, ${who}, beside raw fsync`, rate('cmtp'), median(syncs));
}

/** One session: message after message, the envelope in one packet as mail servers send it. Gives the milliseconds of each. */
function converse(port: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const envelope = `MAIL FROM:<sender@there.test>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\n`;
    const body = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(SIZE / 72));
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
      const id = systemRandom.bytes(12).toString('hex');
      return `From: sender@there.test\r\nMessage-ID: <${id}@there.test>\r\nSubject: ${id}\r\n\r\n${body}.\r\n`;
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

/** SPF, DKIM, DMARC and ARC of a message that is signed, with a name service that answers at once. */
async function checking(report: Report): Promise<void> {
  report.progress('checking a sender');
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key: DkimKey = {
    selector: 'bench',
    privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
  const record = dkimRecord(key, 'there.test');
  const resolver = fixedResolver({
    'there.test': { txt: ['v=spf1 ip4:192.0.2.1 -all'] },
    [record.name]: { txt: [record.value] },
    '_dmarc.there.test': { txt: ['v=DMARC1; p=reject'] },
  });
  const head = 'From: sender@there.test\r\nSubject: x\r\n\r\n';
  const plain = Buffer.from(head + `${'x'.repeat(70)}\r\n`.repeat(Math.ceil(SIZE / 72)));
  const signed = await signMail(plain, key, ['there.test'], Date.now());
  const peer = { address: '192.0.2.1', hello: 'there.test' };
  const check = async () => {
    await checkSender(signed, 'sender@there.test', peer, 'here.test', resolver);
  };
  report.figure({
    name: 'SPF, DKIM, DMARC and ARC of 4 KiB',
    value: await callsPerSecondAsync(check, ROUND_MS),
    unit: '/s',
  });
  const sign = async () => {
    await signMail(plain, key, ['there.test'], Date.now());
  };
  report.figure({ name: 'DKIM signature over 4 KiB', value: await callsPerSecondAsync(sign, ROUND_MS), unit: '/s' });
}
