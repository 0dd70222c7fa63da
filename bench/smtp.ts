// Durable SMTP intake: the gateway beside Postfix and beside bare syncs of the same disk, under the same client, in one run. What the
// checks of a sender cost is measured apart, since a name service would be measured with them.

import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import { systemRandom } from '../src/base/random.ts';
import { askOffice } from '../src/cli/ask-office.ts';
import { makeKeyPair } from '../src/cmtp/crypto/keys.ts';
import { sealXzibit } from '../src/cmtp/crypto/xzibit.ts';
import { fixedResolver } from '../src/net/resolver.ts';
import { checkSender } from '../src/smtp/in/check.ts';
import { type DkimKey, dkimRecord, signMail } from '../src/smtp/out/dkim.ts';
import { makeDataFolder, startOffice } from '../test/support/office.ts';
import { mayRunPostfix, openPostfix } from '../test/support/postfix.ts';
import { type Bench, callsPerSecondAsync, median, percentile, type Report, stopwatch } from './harness.ts';
import { rawSyncsPerSecond } from './raw-sync.ts';

const ROUNDS = 5;
const ROUND_MS = 1500;
const SIZE = 4096;
const SESSIONS = [1, 8, 32];
const DOMAIN = 'bench.test';
const CONFIG = `
[office]
name = "${DOMAIN}"
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
    await using folder = await makeDataFolder(CONFIG);
    const office = await startOffice(folder.path, '--only', 'cmtp,smtp');
    const hasPostfix = mayRunPostfix && spawnSync('postconf', ['mail_version']).error === undefined;
    if (!hasPostfix) report.progress('Postfix is not installed, or this is not root: the gateway is measured alone');
    const postfix = hasPostfix ? await openPostfix({ domain: DOMAIN, discards: true }) : undefined;
    try {
      await addReader(folder.path);
      await intake(office.port('SMTP gateway'), postfix?.port, report);
    } finally {
      await postfix?.[Symbol.asyncDispose]();
      await office.end('SIGTERM');
    }
    await checking(report);
  },
};

async function addReader(folder: string): Promise<void> {
  const keys = makeKeyPair(systemRandom);
  const xzibit = (await sealXzibit(keys, 'bench', systemRandom)).toString('hex');
  await askOffice(folder, 'cmtp', 'account.add', {
    account: 'reader',
    publicKey: keys.publicKey.toString('hex'),
    xzibit,
  });
}

async function intake(gateway: number, postfix: number | undefined, report: Report): Promise<void> {
  for (const sessions of SESSIONS) {
    const taken: Record<'gateway' | 'postfix', { rates: number[]; times: number[] }> = {
      gateway: { rates: [], times: [] },
      postfix: { rates: [], times: [] },
    };
    const syncs: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      report.progress(`${sessions} sessions, ${round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`}`);
      const raw = await rawSyncsPerSecond(SIZE, ROUND_MS / 3);
      if (round > 0) syncs.push(raw);
      for (const [name, port] of [
        ['gateway', gateway],
        ['postfix', postfix],
      ] as const) {
        if (port === undefined) continue;
        const elapsed = stopwatch();
        const times = (await Promise.all(Array.from({ length: sessions }, () => converse(port)))).flat();
        if (round === 0) continue; // both start processes and fill caches
        taken[name].rates.push((times.length * 1000) / elapsed());
        taken[name].times.push(...times);
      }
    }
    const who = sessions === 1 ? '1 session' : `${sessions} sessions`;
    const [value, sync, other] = [median(taken.gateway.rates), median(syncs), median(taken.postfix.rates)];
    report.figure({ name: `4 KiB, ${who}, beside raw fsync`, value, unit: '/s', limit: sync, ratio: value / sync });
    report.figure({ name: `4 KiB, ${who}, p50`, value: percentile(taken.gateway.times, 50), unit: 'ms' });
    report.figure({ name: `4 KiB, ${who}, p99`, value: percentile(taken.gateway.times, 99), unit: 'ms' });
    if (postfix === undefined) continue;
    report.figure({ name: `4 KiB, ${who}, beside Postfix`, value, unit: '/s', limit: other, ratio: value / other });
    report.figure({ name: `Postfix, ${who}, p50`, value: percentile(taken.postfix.times, 50), unit: 'ms' });
    report.figure({ name: `Postfix, ${who}, p99`, value: percentile(taken.postfix.times, 99), unit: 'ms' });
  }
}

/** One session: message after message, the envelope in one packet as mail servers send it. Gives the milliseconds of each. */
function converse(port: number): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const times: number[] = [];
    const envelope = `MAIL FROM:<sender@there.test>\r\nRCPT TO:<reader@${DOMAIN}>\r\nDATA\r\n`;
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
    await checkSender(signed, 'sender@there.test', peer, DOMAIN, resolver);
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
