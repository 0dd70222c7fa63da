// IMA's programs one by one, each a process of its own under its own configuration, each replaced by a shell script.   spec: ima 1.3, 2.6, 2.12

import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wholeOf } from '../../src/ima/letter.ts';
import {
  makeWorld,
  messagesIn,
  openReceiver,
  runImaProgram,
  startImaProgram,
  storedOctets,
  type World,
} from '../support/ima.ts';
import { SAMPLE, sampleWith } from '../support/ima-samples.ts';

let world: World;
const ended: (() => void)[] = [];
beforeAll(async () => {
  world = await makeWorld();
});
afterAll(async () => {
  for (const end of ended) end();
  await world[Symbol.asyncDispose]();
});

async function script(name: string, text: string): Promise<string> {
  const file = join(world.folder, name);
  await writeFile(file, `#!/bin/sh\n${text}\n`);
  await chmod(file, 0o755);
  return file;
}

async function folderWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(world.folder, name);
  await mkdir(folder, { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text, { mode: 0o600 });
  return folder;
}

const json = JSON.stringify;

// spec: ima 2.11
describe('make-ima-message', () => {
  test('writes what was asked for', async () => {
    const folder = await folderWith('make', { 'notes.bin': '\x00\x01', 'page.html': '<p>Hi' });
    const args = [
      '--from',
      'alice@a.test',
      '--to',
      'bob@b.test,carol@b.test',
      '--bcc',
      'dave@b.test',
      '--subject',
      'Grüße',
    ];
    args.push('--reply-to', '018c2f6e-0000-7000-8000-000000000001@b.test', '--alt', 'text/html=page.html');
    args.push('--attach', 'notes.bin', '--attach', 'page.html:text/html', '--header', 'x-mood=calm');
    const { code, out } = await runImaProgram('make-ima-message', args, { cwd: folder, input: 'Hello.\n' });
    expect(code).toBe(0);
    expect(out.replace(/^id: .*$/m, 'id: ?').replace(/^date: .*$/m, 'date: ?')).toBe(
      [
        'ima: 1',
        'id: ?',
        'date: ?',
        'from: alice@a.test',
        'to: bob@b.test, carol@b.test',
        'bcc: dave@b.test',
        'in-reply-to: 018c2f6e-0000-7000-8000-000000000001@b.test',
        'subject: Grüße',
        'x-mood: calm',
        'part: 7 body text/plain',
        'part: 5 alt text/html',
        'part: 2 attachment application/octet-stream notes.bin',
        'part: 5 attachment text/html page.html',
        'size: 19',
        '',
        'Hello.\n<p>Hi\x00\x01<p>Hi',
      ].join('\n'),
    );
  });

  test('says what is wrong, and exits with 1', async () => {
    const { code, out, err } = await runImaProgram('make-ima-message', ['--from', 'alice', '--to', 'bob@b.test']);
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(/^make-ima-message: from is missing/);
  });
});

describe('server-give-recipient', () => {
  test('stores from standard input and from a file', async () => {
    const inbox = join(world.folder, 'given', 'inbox');
    const file = join(world.folder, 'sample');
    await writeFile(file, SAMPLE);
    expect((await runImaProgram('server-give-recipient', [inbox], { input: SAMPLE })).code).toBe(0);
    expect((await runImaProgram('server-give-recipient', [inbox, file])).code).toBe(0);
    const stored = await Promise.all((await messagesIn(inbox)).map(storedOctets));
    expect(stored).toEqual([SAMPLE, SAMPLE]);
  });

  test.each([
    ['a message that is cut', SAMPLE.subarray(0, -1)],
    ['one that goes on', Buffer.concat([SAMPLE, Buffer.from('x')])],
    ['something else', Buffer.from('From: a@b\r\n\r\n')],
  ])('refuses %s', async (_what, input) => {
    const inbox = join(world.folder, 'refused', 'inbox');
    expect((await runImaProgram('server-give-recipient', [inbox], { input })).code).toBe(1);
    expect(await messagesIn(inbox)).toEqual([]);
  });
});

describe('server-handle-incoming-mail', () => {
  async function handle(table: string, input: Uint8Array, settings = '', env = {}) {
    const config = `[server-handle-incoming-mail]\nhostparts = ["b.test"]\n${settings}`;
    const cwd = await folderWith('handle', { routing_table: table, 'server-handle-incoming-mail_config.toml': config });
    const { code, out } = await runImaProgram('server-handle-incoming-mail', [], { cwd, input, env });
    return { code, lines: out.split('\n').slice(0, -1) };
  }

  test('runs the command of each, passes its lines on, and says how it ended', async () => {
    const seen = join(world.folder, 'bob.seen');
    const bob = await script(
      'bob',
      `cat > ${seen}; echo "got it for $1, $IMA_RECIPIENT"; echo OK carol@b.test; pwd | xargs ls -A`,
    );
    const carol = await script('carol', 'cat > /dev/null; exit 7');
    const table = `# people\nbob@b.test ${bob}\ncarol@* "${carol}"\n`;
    expect(await handle(table, sampleWith({ bcc: 'carol@b.test, bob@b.test' }))).toEqual({
      code: 2,
      lines: ['got it for bob@b.test, bob@b.test', 'NOTE OK carol@b.test', 'OK bob@b.test', 'FAIL carol@b.test'],
    });
    expect(await readFile(seen)).toEqual(sampleWith({ bcc: 'bob@b.test' }));
  });

  test('unknown recipients are named, and nobody gets it, or the others do', async () => {
    const yes = await script('yes', 'cat > /dev/null');
    const message = sampleWith({ to: 'bob@b.test, dave@b.test, far@c.test, eve@B.test' });
    const unknown = 'NORECIPIENT dave@b.test eve@B.test';
    expect(await handle(`bob@b.test ${yes}`, message)).toEqual({ code: 1, lines: [unknown] });
    expect(await handle(`bob@b.test ${yes}`, message, 'lenient_recipients = true')).toEqual({
      code: 2,
      lines: [unknown, 'OK bob@b.test'],
    });
    expect(await handle(`bob@b.test ${yes}`, sampleWith({ to: 'far@c.test' }))).toEqual({ code: 1, lines: [] });
  });

  test('placeholders, aliases, mailboxes, and a message that comes twice', async () => {
    const told = await script('told', 'cat > /dev/null; echo "$#: $*"');
    const table = [
      `bob@b.test ${told} "<%l> at %h" %a`,
      `carol@b.test !${told} alone`,
      'all@b.test alias: bob@b.test carol@b.test dora@b.test',
      '@b.test builtin:give-recipient %m/inbox',
    ].join('\n');
    const once = 'seen = "seen"';
    const first = await handle(table, sampleWith({ to: 'all@b.test' }), once, { IMA_SENDER: 'a.test' });
    expect(first).toEqual({ code: 0, lines: ['2: <bob> at b.test bob@b.test', '1: alone', 'OK all@b.test'] });
    const again = await handle(table, sampleWith({ to: 'dora@b.test' }), once, { IMA_SENDER: 'a.test' });
    expect(again).toEqual({ code: 0, lines: ['OK dora@b.test'] });
    const inbox = join(world.folder, 'handle', 'mailboxes', 'b.test', 'dora', 'inbox');
    expect(await messagesIn(inbox)).toHaveLength(1);
    await handle(table, sampleWith({ to: 'dora@b.test' }), once, { IMA_SENDER: 'c.test' });
    expect(await messagesIn(inbox)).toHaveLength(2); // another's id suppresses nothing
  });

  test('a table that cannot be read, or leads in a circle', async () => {
    const circle = 'bob@b.test alias: carol@b.test\ncarol@b.test alias: bob@b.test';
    for (const table of [circle, 'bob@b.test', 'bob true', 'bob@b.test "true']) {
      expect((await handle(table, sampleWith({ to: 'bob@b.test' }))).code).toBe(1);
    }
  });
});

test('a letter from server-send-mail through server-receive into a mailbox, and to fetch-mail', async () => {
  const [a, b] = [await world.files('a.test'), await world.files('b.test')];
  const trust = `extra_ca = [${json(world.rootFile)}]\nonly_extra_ca = true\n`;
  const handled = `[server-handle-incoming-mail]\nhostparts = ["b.test"]\n`;
  const table = '@b.test builtin:give-recipient %m/inbox\n';
  const received = `[server-receive]\nlisten = ["127.0.0.1:0"]\nhostparts = ["b.test"]\ncert = ${json(b.cert)}\nkey = ${json(b.key)}\nrouting_table = "routing_table"\n${trust}`;
  const post = `[server-post-office]\nlisten = ["127.0.0.1:0"]\ncert = ${json(b.cert)}\nkey = ${json(b.key)}\n`;
  const { hashPassword } = await import('../../src/ima/users/users.ts');
  const { systemRandom } = await import('../../src/base/random.ts');
  const users = `["bob@b.test"]\npassword = ${json(await hashPassword('hunter2', systemRandom))}\n`;
  const server = await folderWith('server', {
    routing_table: table,
    'server-handle-incoming-mail_config.toml': handled,
    'server-receive_config.toml': received,
    'server-post-office_config.toml': post,
    'users.toml': users,
  });
  const receiver = await startImaProgram('server-receive', [], server);
  const office = await startImaProgram('server-post-office', [], server);
  ended.push(
    () => receiver.child.kill(),
    () => office.child.kill(),
  );
  const sender = await folderWith('sender', {
    'server-send-mail_config.toml': `[server-send-mail]\ncert = ${json(a.cert)}\nkey = ${json(a.key)}\nstatic_hosts = ["b.test=127.0.0.1:${receiver.port}"]\n${trust}`,
  });
  const sent = await runImaProgram('server-send-mail', [], { cwd: sender, input: SAMPLE });
  expect(sent).toMatchObject({ code: 0, out: 'OK bob@b.test\nOK carol@b.test\n' });
  const reader = await folderWith('reader', {
    password: 'hunter2\n',
    'fetch-mail_config.toml': `[fetch-mail]\nhost = "127.0.0.1:${office.port}"\nname = "b.test"\nuser = "bob"\npassword_file = "password"\n${trust}`,
  });
  const fetched = await runImaProgram('fetch-mail', [], { cwd: reader });
  expect(fetched).toMatchObject({ code: 0, out: '1 fetched, 0 removed, 0 flagged\n' });
  const [message = ''] = await messagesIn(join(reader, 'mail', 'inbox'));
  const octets = (await storedOctets(message)).toString('latin1');
  expect(octets).toMatch(/^ima: 1\nreceived: from=a\.test by=b\.test /);
  expect(octets.replace(/^received: .*\n/m, '')).toBe(SAMPLE.toString('latin1'));
  receiver.child.kill('SIGTERM');
});

describe.each([
  ['exit 0', 'OK'],
  ['exit 1', 'FAIL'],
  ['exit 2', 'PARTIAL'],
  ['exit 9', 'FAIL'],
  ['kill -9 $$', 'FAIL'],
  ['exit 3', undefined],
])('server-receive with a shell script for a handler: %s', (line, final) => {
  test(`the sender hears ${final ?? 'nothing more'}`, async () => {
    const { commandFor } = await import('../../src/ima/programs/command.ts');
    const { clientAs } = await import('../support/ima.ts');
    const { letterOf } = await import('../../src/ima/letter.ts');
    const { systemClock } = await import('../../src/base/time.ts');
    const file = await script(
      'handler',
      `cat > ${json(join(world.folder, 'handled'))}; echo "from $IMA_SENDER"; ${line}`,
    );
    await using server = await openReceiver(world, 'b.test', {
      handle: commandFor(file, { clock: systemClock }),
    });
    const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
    const letter = letterOf(SAMPLE);
    await client.offer(letter.head);
    const lines: unknown[] = [];
    const answer = client.send(letter, (result) => void lines.push(result));
    if (final === undefined) await expect(answer).rejects.toMatchObject({ code: 'later' });
    else expect(await answer).toBe(final);
    expect(lines).toEqual([{ kind: 'note', text: 'from a.test' }]);
    const handled = await readFile(join(world.folder, 'handled'));
    expect(handled.subarray(handled.indexOf('id: '))).toEqual(SAMPLE.subarray(SAMPLE.indexOf('id: ')));
  });
});

test('server-send-mail hands mail for our own addresses to a shell script', async () => {
  const a = await world.files('a.test');
  const handler = await script('own-handler', 'cat > own.message; echo OK alice@a.test; exit 0');
  const cwd = await folderWith('own', {
    'server-send-mail_config.toml': `[server-send-mail]\nhostparts = ["a.test"]\ncert = ${json(a.cert)}\nkey = ${json(a.key)}\nextra_ca = [${json(world.rootFile)}]\nonly_extra_ca = true\nhandler = ${json(handler)}\n`,
  });
  const sent = await runImaProgram('server-send-mail', [], { cwd, input: sampleWith({ to: 'alice@a.test' }) });
  expect(sent).toMatchObject({ code: 0, out: 'OK alice@a.test\n' });
});

test('fetch-mail and server-send-mail can be stood in for by openssl and a script', async () => {
  const { judgedBy } = await import('../support/judges.ts');
  if (judgedBy('openssl').skip) return;
  const a = await world.files('a.test');
  const kept: Buffer[] = [];
  await using server = await openReceiver(world, 'b.test', {
    handle: async (letter) => {
      kept.push(await wholeOf(letter));
      return 0;
    },
  });
  const head = join(world.folder, 'head');
  const data = join(world.folder, 'data');
  await writeFile(head, SAMPLE.subarray(0, 234));
  await writeFile(data, SAMPLE.subarray(234));
  const { spawn } = await import('node:child_process');
  const { text } = await import('node:stream/consumers');
  const line = `(cat ${head}; sleep 0.3; echo DATA; cat ${data}; sleep 0.5; echo DONE; sleep 0.3) | openssl s_client -connect 127.0.0.1:${server.port} -servername b.test -cert ${a.cert} -key ${a.key} -CAfile ${world.rootFile} -quiet 2>/dev/null`;
  const child = spawn('sh', ['-c', line]);
  expect(await text(child.stdout)).toBe('ACCEPT\nOK\n');
  expect(kept).toHaveLength(1);
});

test('every program explains its options, and refuses unknown ones', async () => {
  const { programSettings } = await import('../../src/ima/programs/settings.ts');
  await Promise.all(
    Object.keys(programSettings).map(async (name) => {
      const { code, out } = await runImaProgram(name, ['--print-config']);
      expect(code).toBe(0);
      expect(out).toContain(`[${name}]`);
      const cwd = await folderWith(`odd-${name}`, { [`${name}_config.toml`]: `[${name}]\nlisen = 1\n` });
      const refused = await runImaProgram(name, ['x'], { cwd });
      expect([refused.code, refused.out]).toEqual([1, '']);
      expect(refused.err).toContain('line 2');
    }),
  );
});
