// What IMA's programs do where nothing else of Postern runs: their exits, lists and a queue in plain files, and whose rights they use.
// spec: ima 1.3, 2.6, 2.10, 2.12

import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { letterOf, wholeOf } from '../../src/ima/letter.ts';
import { programSettings } from '../../src/ima/programs/settings.ts';
import type { Ended } from '../support/ima.ts';
import {
  clientAs,
  makeWorld,
  messagesIn,
  openReceiver,
  runImaProgram,
  startImaProgram,
  storedOctets,
  type World,
} from '../support/ima.ts';
import { SAMPLE, sampleWith } from '../support/ima-samples.ts';

const json = JSON.stringify;
const stack = new AsyncDisposableStack();
let world: World;
let trust: string;
beforeAll(async () => {
  world = stack.use(await makeWorld());
  const { cert, key } = await world.files('a.test');
  trust = `cert = ${json(cert)}\nkey = ${json(key)}\nextra_ca = [${json(world.rootFile)}]\nonly_extra_ca = true\n`;
});
afterAll(() => stack.disposeAsync());

async function folderWith(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(world.folder, name);
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content, { mode: 0o600 });
  return folder;
}

/** A folder with the configuration of one program in it. */
const configured = (folder: string, name: keyof typeof programSettings, settings: string, files = {}) =>
  folderWith(folder, { [`${name}_config.toml`]: `[${name}]\n${settings}`, ...files });

/** A server for b.test that says what its handler says. */
async function openServer(handle: (message: Buffer) => Promise<{ lines?: readonly string[]; status: number }>) {
  const taken: string[] = [];
  const server = stack.use(
    await openReceiver(world, 'b.test', {
      handle: async (letter, _sender, say) => {
        const message = await wholeOf(letter);
        const { lines = [], status } = await handle(message);
        for (const line of lines) await say(line);
        taken.push(message.toString().replace(/^received: .*\n/m, ''));
        return status;
      },
    }),
  );
  return { ...server, taken };
}

test('every program says what it is for, with an example', async () => {
  const told = await Promise.all(
    Object.keys(programSettings).map(async (name) => ({ name, ...(await runImaProgram(name, ['--help'])) })),
  );
  for (const { name, code, out } of told) {
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^${name}[\\s\\S]*--config FILE[\\s\\S]*Example:\n  .*${name} `));
  }
});

describe('exits', () => {
  const sending = async (port: number) =>
    configured('sending', 'server-send-mail', `${trust}static_hosts = ["b.test=127.0.0.1:${port}"]\n`);

  test.each([
    [0, { status: 0 }, 'OK bob@b.test\nOK carol@b.test\n'],
    [1, { status: 1 }, 'FAIL bob@b.test\nFAIL carol@b.test\n'],
    [2, { status: 2, lines: ['OK bob@b.test', 'FAIL carol@b.test'] }, 'OK bob@b.test\nFAIL carol@b.test\n'],
    [1, { status: 3 }, expect.stringMatching(/^FAIL bob@b.test .+\nFAIL carol@b.test .+\n$/)],
  ])('server-send-mail: %i when the server says %j', async (code, answer, out) => {
    const server = await openServer(async () => answer);
    const cwd = await sending(server.port);
    await writeFile(join(cwd, 'message'), SAMPLE);
    expect(await runImaProgram('server-send-mail', ['message'], { cwd })).toMatchObject({ code, out });
    expect(server.taken).toEqual([SAMPLE.toString()]);
  });

  test.each([
    ['server-receive', []],
    ['server-post-office', []],
    ['server-send-mail', []],
    ['fetch-mail', []],
    ['server-give-recipient', []],
    ['server-handle-incoming-mail', ['nowhere']],
    ['make-ima-message', ['--subject', 'From nobody']],
  ])('%s: 1 and a reason when it cannot work', async (name, args) => {
    const { code, out, err } = await runImaProgram(name, args, { cwd: world.folder, input: SAMPLE });
    expect([code, out]).toEqual([1, '']);
    expect(err).toMatch(new RegExp(`^${name}: .+`));
  });
});

describe('a list', () => {
  test('is an entry of the routing table: who asks for it and answers is subscribed, and posts reach all', async () => {
    const server = await openServer(async () => ({ status: 0 }));
    const cwd = await configured('list', 'server-handle-incoming-mail', 'hostparts = ["a.test"]\n', {
      routing_table: 'club@a.test builtin:list club@a.test\n@a.test builtin:give-recipient %m/inbox\n',
      'server-send-mail_config.toml': `[server-send-mail]\nhostparts = ["a.test"]\n${trust}static_hosts = ["b.test=127.0.0.1:${server.port}"]\n`,
    });
    const handle = (to: string, from = 'bob@b.test') =>
      runImaProgram('server-handle-incoming-mail', [], { cwd, input: sampleWith({ from, to, id: id(from) }) });
    const id = (from: string) => `018c2f6e-0000-7000-8000-000000000001@${from.split('@')[1]}`;

    expect((await handle('club@a.test')).code, 'a stranger may not write').toBe(1);
    expect(await handle('club+subscribe@a.test')).toMatchObject({
      code: 0,
      out: 'NOTE OK bob@b.test\nOK club+subscribe@a.test\n',
    });
    const [question = ''] = server.taken;
    const [, answerTo = ''] = /^from: (club\+confirm-[0-9a-f]+@a\.test)$/m.exec(question) ?? [];
    const file = join(cwd, 'lists', 'club@a.test.json');
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      subscribers: [],
      pending: [{ address: 'bob@b.test' }],
    });
    expect((await handle(answerTo)).code).toBe(0);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      posting: 'subscribers',
      subscribers: ['bob@b.test'],
      pending: [],
    });
    expect((await handle(answerTo)).code, 'a token counts once').toBe(1);

    await writeFile(file, json({ subscribers: ['bob@b.test', 'ann@a.test'] })); // as an operator writes it
    expect((await handle('club@a.test')).code).toBe(0);
    const posted = server.taken.at(-1) ?? '';
    expect(posted).toContain('mailer: club-bounces@a.test\nx-list-id: club@a.test\n');
    expect(posted).toContain('bcc: bob@b.test\n');
    expect(await messagesIn(join(cwd, 'mailboxes', 'a.test', 'ann', 'inbox'))).toHaveLength(1);
  });

  test('hands what it sends to a command in place of server-send-mail', async () => {
    const sent = join(world.folder, 'sent-by-list');
    const sender = join(await folderWith('bin', { sender: `#!/bin/sh\ncat > ${sent}\n` }), 'sender');
    await chmod(sender, 0o755);
    const cwd = await configured(
      'list-sender',
      'server-handle-incoming-mail',
      `hostparts = ["a.test"]\nsender = ${json(sender)}\n`,
      {
        routing_table: 'club@a.test builtin:list club@a.test\n',
      },
    );
    const input = sampleWith({ to: 'club+subscribe@a.test' });
    expect((await runImaProgram('server-handle-incoming-mail', [], { cwd, input })).code).toBe(0);
    expect(letterOf(await readFile(sent)).head.to).toEqual(['alice@a.test']);
  });
});

describe('a queue', () => {
  const files = async (cwd: string) => (await readdir(join(cwd, 'queue'))).filter((name) => name.endsWith('.json'));
  const due = async (cwd: string, change: object) => {
    const [name = ''] = await files(cwd);
    const path = join(cwd, 'queue', name);
    await writeFile(path, json({ ...JSON.parse(await readFile(path, 'utf8')), next: 0, ...change }));
  };
  const settings = (port: number) =>
    `hostparts = ["a.test"]\nqueue = "queue"\n${trust}static_hosts = ["b.test=127.0.0.1:${port}"]\n`;
  const aHandler = {
    'server-handle-incoming-mail_config.toml': '[server-handle-incoming-mail]\nhostparts = ["a.test"]\n',
    routing_table: '@a.test builtin:give-recipient %m/inbox\n',
  };

  test('keeps what a server that is away should have, and sends it when it is back', async () => {
    const cwd = await configured('queue', 'server-send-mail', settings(1), aHandler);
    const run = (...args: string[]) => runImaProgram('server-send-mail', args, { cwd, input: SAMPLE });
    expect(await run()).toMatchObject({ code: 0, out: 'NOTE kept, to be tried again\n' });
    expect(await files(cwd)).toHaveLength(1);
    expect(await run('--retry'), 'nothing is due').toMatchObject({ code: 0, out: '' });
    await due(cwd, {});
    expect(await run('--retry'), 'still away').toMatchObject({ code: 1, out: '' });
    const server = await openServer(async () => ({ status: 0 }));
    await configured('queue', 'server-send-mail', settings(server.port));
    await due(cwd, {});
    expect(await run('--retry')).toMatchObject({ code: 0, out: '' });
    expect(server.taken).toEqual([SAMPLE.toString()]);
    expect(await readdir(join(cwd, 'queue'))).toEqual([]);
  });

  test('tells the writer after five days', async () => {
    const cwd = await configured('late', 'server-send-mail', settings(1), aHandler);
    const run = (...args: string[]) => runImaProgram('server-send-mail', args, { cwd, input: SAMPLE });
    await run();
    await due(cwd, { kept: Date.now() - 6 * 24 * 3600 * 1000 });
    expect((await run('--retry')).code).toBe(0);
    expect(await files(cwd)).toEqual([]);
    const [path = ''] = await messagesIn(join(cwd, 'mailboxes', 'a.test', 'alice', 'inbox'));
    const notice = (await storedOctets(path)).toString();
    expect(notice).toMatch(/^from: postmaster@a\.test$/m);
    expect(notice).toMatch(/^x-ima-report: failed bob@b\.test .+$/m);
  });
});

describe('rights', () => {
  test('nothing that is written is for others', async () => {
    const cwd = await configured('modes', 'server-handle-incoming-mail', 'hostparts = ["b.test"]\nseen = "seen"\n', {
      routing_table: '@b.test builtin:give-recipient %m/inbox\n',
    });
    const { code } = await runImaProgram('server-handle-incoming-mail', [], {
      cwd,
      input: SAMPLE,
      env: { IMA_SENDER: 'a.test' },
    });
    expect(code).toBe(0);
    const written = await readdir(cwd, { recursive: true });
    const modes = await Promise.all(written.map(async (name) => [name, (await stat(join(cwd, name))).mode & 0o077]));
    expect(modes.length).toBeGreaterThan(10);
    expect(modes.filter(([, mode]) => mode !== 0)).toEqual([]);
  });

  test.each([
    ['fetch-mail', 'host = "127.0.0.1:1"\nuser = "bob"\npassword_file = "secret"\n'],
    ['server-post-office', 'users = "secret"\n'],
    ['server-receive', ''],
    ['server-send-mail', ''],
  ] as const)('%s does not use a secret that everybody may read', async (name, settings) => {
    const { cert, key } = await world.files('c.test');
    const open = join(await folderWith('open', { key: await readFile(key, 'utf8') }), 'key');
    await chmod(open, 0o644);
    const pair = settings.includes('secret') ? { cert, key } : { cert, key: open };
    const needed = name === 'fetch-mail' ? '' : `cert = ${json(pair.cert)}\nkey = ${json(pair.key)}\n`;
    const cwd = await configured(`open-${name}`, name, `${needed}${settings}`, { secret: '' });
    await chmod(join(cwd, 'secret'), 0o644);
    const { code, err } = await runImaProgram(name, [], { cwd, input: SAMPLE });
    expect(code).toBe(1);
    expect(err).toMatch(/everybody may read or change .*\n.*chmod 600/);
  });

  const asRoot = { skip: process.getuid?.() !== 0 || spawnSync('id', ['nobody']).status !== 0 };

  test('started by root, they become the user they are told, and so do their commands', asRoot, async () => {
    const { cert, key } = await world.files('b.test');
    const handler = join(
      await folderWith('who', { who: '#!/bin/sh\ncat > /dev/null\nid -un; id -Gn; exit 0\n' }),
      'who',
    );
    await chmod(handler, 0o755);
    for (const folder of [world.folder, join(world.folder, 'who')]) await chmod(folder, 0o711);
    const settings = `listen = ["127.0.0.1:0"]\nhostparts = ["b.test"]\nuser = "nobody"\nhandler = ${json(handler)}\ncert = ${json(cert)}\nkey = ${json(key)}\nextra_ca = [${json(world.rootFile)}]\nonly_extra_ca = true\n`;
    const cwd = await configured('rooted', 'server-receive', settings);
    const { child, port } = await startImaProgram('server-receive', [], cwd);
    stack.defer(() => void child.kill());
    const client = await clientAs(world, { host: 'b.test', port, as: 'a.test' });
    const letter = letterOf(SAMPLE);
    await client.offer(letter.head);
    const lines: unknown[] = [];
    expect(await client.send(letter, (line) => void lines.push(line))).toBe('OK');
    await client.done();
    const group = spawnSync('id', ['-Gn', 'nobody'], { encoding: 'utf8' }).stdout.trim();
    expect(lines).toEqual([
      { kind: 'note', text: 'nobody' },
      { kind: 'note', text: group },
    ]);
  });

  test('nobody becomes a user that is not there', asRoot, async () => {
    const cwd = await configured('no-user', 'server-handle-incoming-mail', 'user = "no-such-user"\n');
    const { code, err }: Ended = await runImaProgram('server-handle-incoming-mail', [], { cwd, input: SAMPLE });
    expect([code, err]).toEqual([1, 'server-handle-incoming-mail: there is no user no-such-user\n']);
  });
});
