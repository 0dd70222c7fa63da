// Two nyms of one person from the command line, as docs/using-nyms.md tells it: asked for, written to, answered, looked after and
// closed. The network, the nymserver and the world outside are those of the demo; each command runs in this process, on their clock.
// spec: mixminion-nym 10

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { HOUR, systemClock, VirtualClock } from '../../src/base/time.ts';
import { Testnet } from '../../src/mixminion/testnet/testnet.ts';
import { LINK_PATIENCE, openNymserver, openOutside, turn } from '../../src/nym/scenery.ts';
import { relayMail } from '../../src/smtp/relay.ts';
import { readyKeys } from '../support/mixminion-keys.ts';
import { runHere } from '../support/nym-command.ts';

const DOMAIN = 'nym.test';
const BOB = 'bob@outside.test';
const clock = new VirtualClock(Date.now());
vi.mock('../../src/mixminion/client/client-settings.ts', async (original) => ({
  ...(await original<object>()),
  clockOf: () => clock,
}));

interface Listed {
  readonly address: string;
  readonly phase: string;
  readonly changes: number;
}

test('a person has two nyms, and nothing of one names the other', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-nyms-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  vi.stubEnv('POSTERN_PASSPHRASE', '');
  await using stack = new AsyncDisposableStack();
  const made = { folder: join(folder, 'net'), clock, log: silentLog, names: ['Amber', 'Birch', 'Cedar'] };
  const net = stack.use(await Testnet.open({ ...made, generate: readyKeys(), changes: { timeout: LINK_PATIENCE } }));
  const outside = stack.use(await openOutside(join(folder, 'outside'), BOB));
  const server = stack.use(
    await openNymserver(join(folder, 'server'), { net, clock, domain: DOMAIN, relayPort: outside.port }),
  );
  const home = await net.home('alice');
  const maildir = join(folder, 'Maildir');
  for (const name of ['new', 'cur']) await mkdir(join(maildir, name), { recursive: true });

  const postern = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await runHere('nym', ...args, '--home', home);
    expect(code, err).toBe(0);
    return out;
  };
  const listed = async () => JSON.parse(await postern('list', '--json')) as Listed[];
  let [seen, looked] = [0, 0];
  /** Lets time go by; what comes is found by the daemon, which looks from time to time. */
  const until = (what: string, isSo: () => Promise<boolean> | boolean) =>
    turn(clock, what, async () => {
      const mails = await net.mail.mails('alice');
      if (mails.length === seen && clock.now() - looked < 6 * HOUR) return false;
      for (; seen < mails.length; seen += 1) await writeFile(join(maildir, 'new', `${seen}`), mails[seen] ?? '');
      looked = clock.now();
      await postern('daemon', '--once', '--maildir', maildir);
      return isSo();
    });
  const mail = (to: string, subject: string, text: string) => {
    const relay = { endpoint: { host: '127.0.0.1', port: server.port }, tls: 'none' } as const;
    const message = Buffer.from(
      `From: ${BOB}\r\nTo: ${to}\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\n${text}\r\n`,
    );
    return relayMail({ relay, hostname: 'outside.test', from: BOB, to: [to], message, clock: systemClock });
  };

  // Getting them.
  expect(await postern('list')).toContain('you have no nyms');
  expect(await postern('create', `nightingale@${DOMAIN}`, '--or', 'nightingale.b')).toContain(
    `nightingale@${DOMAIN} is asked for at Gull`,
  );
  await postern('create', `persephone@${DOMAIN}`, '--mbox');
  expect(await postern('list')).toMatch(/nightingale@nym\.test +asked for, no answer yet/);
  await until('both are open', async () => (await listed()).every(({ phase }) => phase === 'open'));
  expect(await readdir(join(maildir, 'new'))).toEqual([]);
  expect(await postern('list')).toMatch(/persephone@nym\.test +open +0 +0 +[#=]+/);

  // Mail, both ways. What is longer than a packet goes in parts, and the nymserver's remailer puts them together.
  await mail(`nightingale@${DOMAIN}`, 'gate', 'Is it open?');
  await mail(`persephone@${DOMAIN}`, 'other', 'Are you there?');
  expect(await postern('fetch', '--nym', 'nightingale')).toContain('answers take hours');
  await postern('fetch', '--nym', 'persephone');
  await until('both letters are here', async () => {
    const inboxes = [await postern('inbox', '--nym', 'nightingale'), await postern('inbox', '--nym', 'persephone')];
    return inboxes.every((text) => / new /.test(text));
  });
  expect(await postern('inbox', '--nym', 'nightingale')).toMatch(/1 +new +bob@outside\.test +gate +\d+ B/);
  expect(await postern('read', '1', '--nym', 'nightingale')).toContain('\nIs it open?\n');
  expect(await postern('inbox', '--nym', 'nightingale')).toMatch(/1 +read /);
  const long = `Long: ${'0123456789'.repeat(1000)}\n${Buffer.from(crypto.getRandomValues(new Uint8Array(45_000)))
    .toString('hex')
    .replace(/.{70}/g, '$&\n')}\n`;
  await writeFile(join(folder, 'long.txt'), long);
  await writeFile(join(folder, 'short.txt'), 'I am.\n');
  await postern('send', '--nym', 'nightingale', '--to', BOB, '--in-reply-to', '1', '--input', join(folder, 'long.txt'));
  await postern(
    'send',
    '--nym',
    'persephone',
    '--to',
    BOB,
    '--subject',
    'yes',
    '--from',
    'Persephone',
    '--input',
    join(folder, 'short.txt'),
  );
  await turn(clock, 'Bob has both', () => outside.mails.length === 2);
  const came = outside.mails.map((octets) => octets.toString('latin1').replaceAll('\r\n', '\n'));
  const [longer = '', shorter = ''] = came.toSorted((a, b) => b.length - a.length);
  expect(longer).toContain(`From: nightingale@${DOMAIN}\n`);
  expect(longer).toContain('Subject: Re: gate\nIn-Reply-To: <gate@x>\n');
  expect(longer.endsWith(`\n\n${long}`)).toBe(true);
  expect(shorter).toContain(`From: "Persephone" <persephone@${DOMAIN}>\n`);

  // Keeping them.
  await postern('delete', '1', '--nym', 'nightingale');
  expect(await postern('inbox', '--nym', 'nightingale')).toBe('there is no mail\n');
  await postern('policy', 'SendMsgAfter', '60', '--nym', 'nightingale');
  expect(await postern('policy', 'SendMsgAfter', '--nym', 'nightingale')).toMatch(
    /SendMsgAfter +\(as the server has it\) -> 60/,
  );
  await postern('fetch', '--nym', 'nightingale'); // its answer acknowledges all that came before
  await until('the server has it', async () => (await listed()).every(({ changes }) => changes === 0));
  expect(await postern('policy', 'SendMsgAfter', '--nym', 'nightingale')).toMatch(/SendMsgAfter +60\n/);
  expect(await postern('rotate', '--identity', '--nym', 'nightingale')).toContain('old ones open old mail for 90 days');
  expect(await postern('surbs', '--nym', 'persephone')).toMatch(/stock +[#=]+\.* \d+/);

  // Apart: no folder of one nym has anything of the other, nor has anybody outside both.
  const textOf = async (path: string) => {
    const files = (await readdir(path, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const texts = await Promise.all(files.map(({ parentPath, name }) => readFile(join(parentPath, name), 'latin1')));
    return [...files.map(({ name }) => name), ...texts].join('\n');
  };
  const nyms = join(home, 'mix', 'nyms');
  expect(await readdir(nyms)).toEqual([`nightingale@${DOMAIN}`, `persephone@${DOMAIN}`]);
  expect(await textOf(join(nyms, `nightingale@${DOMAIN}`))).not.toMatch(/persephone/i);
  expect(await textOf(join(nyms, `persephone@${DOMAIN}`))).not.toMatch(/nightingale/i);
  expect(longer).not.toMatch(/persephone|mix\.test/i);
  expect(shorter).not.toMatch(/nightingale|mix\.test/i);

  // The end of one.
  const shown = await postern('shutdown', '--show', '--nym', 'nightingale');
  const [line = ''] = /SHUTDOWN nightingale \S+/.exec(shown) ?? [];
  await mail(`nym-shutdown@${DOMAIN}`, 'please', line);
  await until('it is closed', async () => (await listed()).some(({ phase }) => phase === 'closed'));
  expect((await listed()).map(({ phase }) => phase)).toEqual(['closed', 'open']);
  await expect(mail(`nightingale@${DOMAIN}`, 'late', 'Hello?')).resolves.toMatchObject({ refused: [{ code: 550 }] });
}, 180_000);
