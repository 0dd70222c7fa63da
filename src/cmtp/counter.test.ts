import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { openTestCmtp, type TestCmtp, tcpTo } from '../../test/support/cmtp-counter.ts';
import { mailOf, users } from '../../test/support/cmtp-room.ts';
import { tlsTo } from '../../test/support/counter.ts';
import { judgedBy } from '../../test/support/judges.ts';
import { toHex } from '../base/bytes.ts';
import { systemRandom } from '../base/random.ts';
import { SECOND } from '../base/time.ts';
import { Connection } from '../net/connection.ts';
import { accountsOf } from './accounts.ts';
import { openMessage } from './client/open-message.ts';
import { cmtp } from './counter.ts';
import { keyPairOf, sign } from './crypto/keys.ts';
import { serverKeys } from './server-keys.ts';
import { settings as schema } from './settings.ts';
import { formatMessage, parseMessage } from './wire/message.ts';
import { enrolProof } from './wire/proofs.ts';

let counter: TestCmtp | undefined;
afterEach(async () => {
  await counter?.[Symbol.asyncDispose]();
  counter = undefined;
});
async function start(changes: Record<string, unknown> = {}): Promise<TestCmtp> {
  counter = await openTestCmtp(changes);
  return counter;
}

const hexOf = (name: 'alice' | 'bob') => ({
  publicKey: toHex(users[name].publicKey),
  xzibit: toHex(users[name].xzibit),
});
const SWAKS = 'swaks';
const word = async (connection: Connection) => String((await connection.token([0], 100, 5 * SECOND))?.octets);

async function plain(port: number | undefined): Promise<Connection> {
  return new Connection(await tcpTo(port ?? 0));
}

async function secure(port: number | undefined): Promise<Connection> {
  return new Connection(await tlsTo(port ?? 0));
}

// spec: cmtp 9 D1, D13, D24
describe('ports', () => {
  test('plain and seed, onion, TLS: each with its words', async () => {
    const { ports } = await start({ greeting_delay: '50 ms' });
    const [old, onion, tls] = [await plain(ports[0]), await plain(ports[1]), await secure(ports[2])];
    expect(await word(old)).toBe('Welcome to CMTP version < 1\n');
    for (const [connection, answer] of [
      [onion, 'FAILURE'],
      [tls, 'SUCCESS'],
    ] as const) {
      await connection.write('NOOP\0');
      expect(await word(connection)).toBe('SUCCESS');
      await connection.block(65, SECOND);
      await connection.write('XCHAL\0alice\0');
      if (answer === 'FAILURE') expect(await word(connection)).toBe('FAILURE');
      else expect((await connection.block(8, SECOND)).toString('hex')).toBe('0000000100000020');
    }
    expect(counter?.open.connections).toBe(3);
    for (const connection of [old, onion, tls]) connection.destroy();
  });

  test('new settings count for whoever comes next, and nobody is dropped', async () => {
    const { open, ports, house } = await start({ greeting_delay: '50 ms' });
    const before = await plain(ports[0]);
    expect(await word(before)).toBe('Welcome to CMTP version < 1\n');
    const at = '127.0.0.1:0';
    await open.reload(house, schema.parse({ listen: [at], listen_tls: [], dialect: 'seed', domain: 'new.example' }));
    expect(open.listening.map(({ at: { port } }) => port)).toEqual([ports[0]]);
    await before.write('NOOP\0');
    expect(await word(before)).toBe('O_O\n');
    const after = await plain(ports[0]);
    await expect(after.awaitLine(200)).rejects.toMatchObject({ code: 'timeout' });
    before.destroy();
    after.destroy();
  });

  test('an onion port that others can reach is refused, and a greeting for the whole world deserves a word', () => {
    const dangers = (changes: object) => cmtp.dangers?.(schema.parse(changes)).map(({ setting }) => setting);
    const warnings = (changes: object) => cmtp.warnings?.(schema.parse(changes)).map(({ setting }) => setting);
    expect(dangers({})).toEqual([]);
    expect(dangers({ listen_onion: ['0.0.0.0:9002'] })).toEqual(['cmtp.listen_onion']);
    expect(warnings({})).toEqual([]);
    expect(warnings({ listen: ['0.0.0.0:9001'] })).toEqual(['cmtp.dialect']);
    expect(warnings({ listen: ['0.0.0.0:9001'], dialect: 'seed', fetch_words: true })).toEqual(['cmtp.fetch_words']);
    expect(() => schema.parse({ domain: '../x' })).toThrow('mail.example.org');
  });
});

// spec: cmtp 6, 8
test('mail for another domain from anybody is refused, whatever the resolver says, and the server lives on', async () => {
  const { ports } = await start();
  const connection = await plain(ports[0]);
  for (const domain of ['nowhere.example', 'x', '[127.0.0.1]', '..']) {
    const [from, to] = [
      { account: 'a', domain: 'b.example' },
      { account: 'bob', domain: 'FAR' },
    ];
    const parts = { version: 1, log: Buffer.alloc(0), body: Buffer.alloc(60), attachments: [Buffer.from('OBAI\0')] };
    const message = formatMessage({ ...parts, from, to })
      .toString('latin1')
      .replace('FAR', domain);
    await connection.write(Buffer.from(`MAIL\0${message}`, 'latin1'));
    const general = domain === '..'; // no name at all
    expect(
      (await connection.block(general ? 73 : 85, 5 * SECOND)).includes(general ? 'FAILURE' : 'DELIVERYFAILURE'),
    ).toBe(true);
  }
  await connection.write('NOOP\0');
  expect(await word(connection)).toBe('SUCCESS');
  connection.destroy();
});

// spec: cmtp 2, 9 D14
describe('an SMTP client', () => {
  test.each([
    ['auto', 'HELO me\r\n'],
    ['seed', 'EHLO me\r\n'],
  ])('that speaks first is told FAILURE and cut off, where %s is spoken', async (dialect, line) => {
    const { ports } = await start({ dialect });
    const connection = await plain(ports[0]);
    await connection.write(line);
    expect(await word(connection)).toBe('FAILURE');
    await connection.block(65, SECOND);
    expect(await connection.token([0], 100, 5 * SECOND)).toBeUndefined();
  });

  test.each(['auto', 'seed'])(
    'swaks fails, where %s is spoken',
    { ...judgedBy('swaks'), timeout: 30_000 },
    async (dialect) => {
      const { ports, post } = await start({ dialect, greeting_delay: '100 ms', idle_time: '2 s' });
      const options = ['--server', `127.0.0.1:${ports[0]}`, '--to', 'bob@post.example', '--from', 'a@b.example'];
      const swaks = spawn(SWAKS, [...options, '--timeout', '5', '--helo', 'me'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [out, [status]] = await Promise.all([text(swaks.stdout), once(swaks, 'close')]);
      expect(status).not.toBe(0);
      expect(out).not.toMatch(/^ -> DATA/m);
      expect((await post.store.usage()).messages).toBe(0);
    },
  );
});

// spec: cmtp 9 D22, D23
describe('what the operator asks', () => {
  test('accounts are made, listed, given other keys, and removed', async () => {
    const { ask, post, ports } = await start();
    expect(await ask('account.add', { account: 'alice', ...hexOf('alice') })).toEqual({
      address: 'alice@post.example',
    });
    await expect(ask('account.add', { account: 'alice', ...hexOf('bob') })).rejects.toMatchObject({ code: 'exists' });
    await expect(ask('account.add', { account: '../x', ...hexOf('bob') })).rejects.toMatchObject({ code: 'name' });
    const zero = { publicKey: '00'.repeat(32), xzibit: hexOf('bob').xzibit };
    await expect(ask('account.add', { account: 'zero', ...zero })).rejects.toMatchObject({ code: 'bad-key' });
    const short = { ...hexOf('bob'), xzibit: '00' };
    await expect(ask('account.add', { account: 'short', ...short })).rejects.toMatchObject({ code: 'keys' });
    await ask('account.rotate', { account: 'alice', ...hexOf('bob') });
    const listed = { account: 'alice', publicKey: hexOf('bob').publicKey, formerKeys: 1, messages: 0, bytes: 0 };
    expect(await ask('account.list')).toEqual([expect.objectContaining(listed)]);

    const connection = await plain(ports[0]);
    await connection.write('KEYREQUEST\0alice\0POST.example\0');
    expect(toHex((await connection.block(102, 5 * SECOND)).subarray(4, 36))).toBe(hexOf('bob').publicKey);
    connection.destroy();

    await ask('account.remove', { account: 'alice' });
    await expect(ask('account.remove', { account: 'alice' })).rejects.toMatchObject({ code: 'unknown' });
    await expect(ask('account.rotate', { account: 'alice', ...hexOf('bob') })).rejects.toMatchObject({
      code: 'unknown',
    });
    expect(await ask('account.list')).toEqual([]);
    expect(await accountsOf(post).get('alice')).toBeUndefined();
  });

  test('an invitation makes an account over TLS, and nowhere else', async () => {
    const { ask, ports } = await start();
    const { token, domain } = (await ask('invitation.new', { account: 'bob', days: 1 })) as Record<string, string>;
    const { publicKey } = (await ask('server.key')) as { publicKey: string };
    const of = { server: Buffer.from(publicKey, 'hex'), account: 'bob', domain: domain ?? '' };
    const proof = sign(enrolProof(of, token ?? '', users.bob), users.bob);
    const octets = [Buffer.from(`XENROL\0${token}\0bob\0`), users.bob.publicKey, users.bob.xzibit, proof];
    for (const [connection, answer] of [
      [await plain(ports[0]), 'FAILURE'],
      [await secure(ports[2]), 'SUCCESS'],
    ] as const) {
      await connection.write(Buffer.concat(octets));
      expect(await word(connection)).toBe(answer);
      connection.destroy();
    }
  });
});

// spec: cmtp 7, 9 D21
describe('the server’s key', () => {
  test('is made once, for the owner alone, and kept', async () => {
    const { post } = await start();
    const made = await serverKeys(post.folder, systemRandom);
    expect(await serverKeys(post.folder, systemRandom)).toEqual(made);
    expect(await readFile(join(post.folder, 'public.key'))).toEqual(made.publicKey);
    expect(keyPairOf(await readFile(join(post.folder, 'private.key')))).toEqual(made);
    expect((await stat(join(post.folder, 'private.key'))).mode & 0o777).toBe(0o600);
  });

  test('files that do not belong together are refused', async () => {
    const { post } = await start();
    const file = join(post.folder, 'public.key');
    await writeFile(file, users.bob.publicKey);
    await expect(serverKeys(post.folder, systemRandom)).rejects.toMatchObject({ code: 'server-key' });
    await writeFile(join(post.folder, 'private.key'), 'short');
    await expect(serverKeys(post.folder, systemRandom)).rejects.toMatchObject({ code: 'server-key' });
  });
});

// spec: cmtp 5, 9 D16, D17
describe('mail from other counters', () => {
  const MAIL = [
    'From: "Zoë" <zoe@far.example>',
    'Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=',
    'Date: Thu, 01 Jan 2026 00:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=b',
    '',
    '--b',
    'Content-Type: text/plain; charset=utf-8',
    '',
    'Hello Bob',
    '--b',
    'Content-Type: application/octet-stream',
    'Content-Disposition: attachment; filename="../a.bin"',
    'Content-Transfer-Encoding: base64',
    '',
    'AAECAw==',
    '--b--',
    '',
  ].join('\r\n');
  const nobody = async () => undefined;
  const arrival = { to: 'bob@post.example', from: 'bounces@far.example', via: 'test' };

  test('is sealed to its reader as it arrives', async () => {
    const { ask, post } = await start();
    await ask('account.add', { account: 'bob', ...hexOf('bob') });
    expect(await post.local.owns('bob@POST.example')).toBe(true);
    expect(await post.local.owns('ghost@post.example')).toBe(false);
    expect(await post.local.owns('bob@far.example')).toBe(false);
    expect(await post.local.deliver({ ...arrival, message: Buffer.from(MAIL), once: Buffer.from('1') })).toBe('stored');
    expect(await post.local.deliver({ ...arrival, message: Buffer.from(MAIL), once: Buffer.from('1') })).toBe(
      'duplicate',
    );
    expect(await post.local.deliver({ ...arrival, to: 'ghost@post.example', message: Buffer.from(MAIL) })).toBe(
      'unknown',
    );

    const [message] = await mailOf(post, 'bob');
    expect(message?.includes('Hello')).toBe(false);
    const opened = await openMessage(message ?? Buffer.alloc(0), [users.bob], nobody);
    expect(opened).toMatchObject({
      from: { account: 'bounces', domain: 'far.example' },
      date: Date.UTC(2026, 0, 1) / SECOND,
      subject: 'Grüße',
      replyTo: 'zoe@far.example',
      copies: [],
      attachments: [{ name: 'a.bin', content: Buffer.from([0, 1, 2, 3]) }],
    });
    expect(opened.text.trim()).toBe('Hello Bob');
  });

  test('from nobody, and of no form at all, arrives too', async () => {
    const { ask, post } = await start();
    await ask('account.add', { account: 'bob', ...hexOf('bob') });
    const wild = Buffer.from(`X-Long: ${'x'.repeat(100_000)}\r\n\r\nhello`);
    expect(await post.local.deliver({ ...arrival, from: '', message: wild })).toBe('stored');
    const [message = Buffer.alloc(0)] = await mailOf(post, 'bob');
    expect(parseMessage(message).from).toEqual({ account: '', domain: 'post.example' });
    const { attachments } = await openMessage(message, [users.bob], nobody);
    expect(attachments).toMatchObject([{ name: 'message.eml', content: wild }]);
  });

  test('is not wanted when it is too large, and not known when the counter is closed', async () => {
    const { ask, post } = await start({ attachments_size: '3 B' });
    await ask('account.add', { account: 'bob', ...hexOf('bob') });
    expect(await post.local.deliver({ ...arrival, message: Buffer.from(MAIL) })).toBe('refused');
    await counter?.open.close(0);
    expect(await post.local.owns('bob@post.example')).toBe(false);
  });
});
