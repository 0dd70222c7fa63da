// A sender and a reader on the command line, in a network of three remailers: messages and replies, long ones, what is
// queued when a server is down, and what a crash leaves.   spec: mixminion-server 9.1, 9.2, 9.3

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, watch } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemRandom } from '../../src/mixminion/client/index.ts';
import { type Client, openClient } from '../support/client.ts';
import { type MailExits, mailExits } from '../support/mail-exits.ts';
import { type Mixnet, startMixnet } from '../support/mixnet.ts';
import { MAIN } from '../support/office.ts';
import { openProxy } from '../support/socks.ts';

let exits: MailExits;
let net: Mixnet;
let web: Server;
let stack: AsyncDisposableStack;
let alice: Client;
let bob: Client;

beforeAll(async () => {
  net = await startMixnet((delivered, address) => exits.deliver(delivered, address));
  web = createServer((_, response) => response.end(net.directoryFile));
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  await net.close();
  await new Promise((resolve) => web.close(resolve));
});
beforeEach(async () => {
  exits = mailExits();
  stack = new AsyncDisposableStack();
  vi.stubEnv('POSTERN_PASSPHRASE', 'a long and silly phrase');
  [alice, bob] = [stack.use(await person()), stack.use(await person())];
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stack.disposeAsync();
});

/** Somebody who trusts the network's directory key. */
async function person(): Promise<Client> {
  const client = await openClient('mix');
  await client.run('queue'); // makes the folder, and a configuration that explains itself
  await configure(client);
  return client;
}

async function configure(client: Client, more = ''): Promise<void> {
  const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
  const servers = net.knownServers.map(({ fingerprint }) => `${fingerprint} ${url}`);
  const config = `[directory]\nservers = ${JSON.stringify(servers)}\n${more}`;
  await client.file('mix/mix.toml', config);
}

test('a message through two and two servers, and its answer through a reply block', async () => {
  const blocks = await alice.file('blocks.txt');
  expect(await alice.run('surb', 'new', '--to', 'mbox:alice@Cedar', '-P', '*2', '-n', '2', '-o', blocks)).toBe(
    `2 reply blocks in ${blocks}\n`,
  );
  const letter = await alice.file('letter.txt', `Dear Bob, please answer.\n\n${readFileSync(blocks, 'latin1')}`);
  expect(
    await alice.run('send', '-t', 'mbox:bob@Amber', '-P', 'Birch,?:?,Amber', '-i', letter, '--subject', 'hi'),
  ).toBe('1 packet sent\n');
  expect(await alice.run('queue')).toBe('(No packets in queue)\n');

  const [mail = ''] = exits.mails('bob');
  const received = await bob.run('decode', '-i', await bob.file('mail.txt', mail));
  expect(received).toContain('Dear Bob, please answer.');
  const hers = await bob.file('hers.txt', received);
  expect(await bob.run('surb', 'inspect', hers)).toMatch(/^==== .*\nHash: +[0-9a-f]{40}\n.*\n.*\nUsed: +no\n/);
  const answer = await bob.file('answer.txt', 'Dear friend, gladly.\n');
  expect(await bob.run('send', '-R', hers, '-i', answer)).toBe('1 packet sent\n');
  const status = openSync(await bob.file('status'), 'w');
  const used = await bob.ask<{ used: boolean }[]>('surb', 'inspect', hers, '--status-fd', String(status));
  await bob.run('surb', 'new', '--to', 'bob@home.example', '--status-fd', String(status));
  closeSync(status);
  const told = readFileSync(await bob.file('status'), 'latin1');
  expect(told).toMatch(
    /^\[MIXMINION:\] INSPECT_SURB [0-9a-f]{40} \d{10} 1\n.*0\n\[MIXMINION:\] GENERATED_SURB \S{28}\n$/,
  );
  expect(used.map((one) => one.used)).toEqual([true, false]);

  const [reply = ''] = exits.mails('alice');
  expect(await alice.run('decode', '-i', await alice.file('reply.txt', reply))).toBe('Dear friend, gladly.\n');
  expect(await alice.run('decode', '--raw', '-i', await alice.file('reply.txt'))).toBe('\nDear friend, gladly.\n');

  expect(await bob.run('send', '-R', hers, '-i', answer)).toBe('1 packet sent\n'); // the second block
  expect(await bob.fails('send', '-R', hers, '-i', answer)).toContain('2 used');
  expect(exits.mails('alice')).toHaveLength(2);
});

test('only the right passphrase reads a reply', async () => {
  const blocks = await alice.file('blocks.txt', await alice.run('surb', 'new', '--to', 'alice@home.example'));
  await bob.run('send', '-R', blocks, '-i', await bob.file('answer.txt', 'secret'));
  const reply = await alice.file('reply.txt', exits.mails('alice@home.example')[0] ?? '');
  vi.stubEnv('POSTERN_PASSPHRASE', 'another phrase');
  expect(await alice.fails('decode', '-i', reply)).toContain('the passphrase does not open the key ring');
  expect(await alice.fails('surb', 'new', '--to', 'alice@home.example')).toContain('does not open');
  vi.unstubAllEnvs();
  expect(await alice.fails('decode', '-i', reply)).toContain('--passphrase-fd');
  const phrase = openSync(await alice.file('phrase', 'a long and silly phrase\n'), 'r');
  expect(await alice.run('decode', '-i', reply, '--passphrase-fd', String(phrase))).toBe('secret');
  closeSync(phrase);
  // Somebody else's key ring opens, but does not fit.
  vi.stubEnv('POSTERN_PASSPHRASE', '');
  expect(await bob.fails('decode', '-i', reply)).toContain('none of the keys and secrets opens this packet');
});

describe('a long message', () => {
  const long = systemRandom.bytes(70_000).toString('base64');

  test('put together by the last server', async () => {
    const letter = await alice.file('long.txt', long);
    const status = openSync(await alice.file('status'), 'w');
    expect(await alice.run('count', '-t', 'bob@example.net', '-i', letter, '--status-fd', String(status))).toBe(
      '6 packets needed\n',
    );
    expect(
      await alice.ask('send', '-t', 'bob@example.net', '-i', letter, '--status-fd', String(status), '--status-json'),
    ).toEqual({ packets: 6, sent: 6, queued: 0, failures: [] });
    closeSync(status);
    const [counted, queued, ...sent] = readFileSync(await alice.file('status'), 'utf8')
      .trim()
      .split('\n');
    expect(counted).toBe('[MIXMINION:] COUNT_PACKETS 6');
    expect(JSON.parse(queued ?? '')).toEqual({ status: 'PACKETS_QUEUED', packets: 6 });
    expect(sent.map((line) => JSON.parse(line).sent).sort()).toEqual([1, 2, 3, 4, 5, 6]);
    const mails = exits.mails('bob@example.net');
    expect(mails).toHaveLength(1);
    expect((await bob.run('decode', '-i', await bob.file('mail.txt', mails[0]))).trimEnd()).toBe(long);
  });

  test('put together by its reader, in pieces over days, and as a reply', async () => {
    const letter = await alice.file('long.txt', long);
    await alice.run('send', '-t', 'bob@example.net', '-i', letter, '--deliver-fragments');
    const mails = exits.mails('bob@example.net');
    expect(mails).toHaveLength(6);
    expect(await bob.run('list-fragments')).toBe('(No fragments being reassembled)\n');
    expect(await bob.run('decode', '-i', await bob.file('mail.txt', mails.slice(0, 2).join('\n')))).toBe('');
    const [begun] = await bob.ask<{ id: string; have: number; need: number; ready: boolean }[]>('fragments', 'list');
    expect(begun).toMatchObject({ have: 2, need: 4, ready: false });
    const id = begun?.id ?? '';
    expect(await bob.fails('fragments', 'assemble', id)).toContain('2 of the 4 fragments');
    await bob.run('decode', '-i', await bob.file('mail.txt', mails.join('\n')));
    expect(await bob.run('fragments', 'list')).toMatch(/^\S{12}: to ---\. \d+ bytes \(4\/4 packets received\)\n$/);
    const whole = await bob.file('whole.txt');
    await bob.run('reassemble', id, '-o', whole, '--purge');
    expect(readFileSync(whole, 'utf8')).toBe(long);
    expect(await bob.fails('purge-fragments', id)).toContain('completed');

    const blocks = await bob.file('blocks.txt');
    await bob.run('generate-surbs', '-t', 'bob@home.example', '-n', '6', '-o', blocks, '--identity', 'Bobby');
    expect(await alice.fails('send', '-R', blocks, '-R', blocks, '-i', await alice.file('x', long + long))).toContain(
      'reply blocks are needed',
    );
    await alice.run('send', '-R', blocks, '-i', letter);
    const replies = await bob.file('replies.txt', exits.mails('bob@home.example').join('\n'));
    await bob.run('decode', '-i', replies);
    const [answer] = await bob.ask<{ id: string; identity: string }[]>('fragments', 'list');
    expect(answer?.identity).toBe('bobby');
    expect(await bob.run('fragments', 'assemble', answer?.id ?? '')).toBe(long);
  });
});

test('what cannot be handed in waits in the queue, and others do not wait for it', async () => {
  const letter = await alice.file('letter.txt', 'patience');
  net.down.add('Amber');
  try {
    for (const first of ['Amber', 'Birch'])
      await alice.run('queue', '-t', 'bob@example.net', '-P', `${first},Cedar:Birch`, '-i', letter);
    expect(await alice.run('inspect-queue')).toBe(
      '1 packet for Amber (oldest is <1 days old)\n1 packet for Birch (oldest is <1 days old)\n',
    );
    const complaint = await alice.fails('flush');
    expect(complaint).toMatch(/1 packet for Amber not sent: .*\n.*postern mix flush/);
    expect(exits.mails('bob@example.net')).toHaveLength(1);
    expect(await alice.ask('queue')).toEqual([{ server: 'Amber', packets: 1, oldestDays: 0 }]);

    expect(
      await alice.fails('send', '--no-queue', '-t', 'bob@example.net', '-P', 'Amber:Birch', '-i', letter),
    ).toContain('They are lost.');
    expect(await alice.fails('send', '-t', 'bob@example.net', '-P', 'Amber:Birch', '-i', letter)).toContain(
      'in the queue',
    );
    expect(await alice.fails('ping', 'Amber', 'Birch')).toMatch(/^Amber: \w/m);
    expect(await alice.ask('queue')).toMatchObject([{ server: 'Amber', packets: 2 }]);
  } finally {
    net.down.delete('Amber');
  }
  expect(await alice.run('flush', 'Birch')).toBe('nothing waits to be sent\n');
  expect(await alice.run('flush', 'amber', '--count', '1')).toBe('1 packet sent\n');
  expect(await alice.run('clean-queue', '--days', '1')).toBe('0 packets removed\n');
  expect(await alice.run('flush')).toBe('1 packet sent\n');
  expect(exits.mails('bob@example.net')).toHaveLength(3);
});

test('a packet to be dropped carries nothing, and reads nothing', async () => {
  expect(await alice.run('send', '-t', 'drop')).toBe('1 packet sent\n');
  expect(await alice.run('count-packets', '-t', 'drop')).toBe('1 packet needed\n');
});

test('what might be a trap, or confuse a terminal, is shown to those only who insist', async () => {
  const bomb = await alice.file('bomb', 'x'.repeat(2_000_000));
  await alice.run('send', '-t', 'bob@example.net', '-i', bomb, '--deliver-fragments');
  const octets = Buffer.from([0, 1, 2, 255]);
  await alice.run('send', '-t', 'bob@example.net', '-i', await alice.file('octets', octets));
  const [trap, binary] = exits.mails('bob@example.net');
  const trapped = await bob.file('trap.txt', trap);
  expect(await bob.fails('decode', '-i', trapped)).toContain('--force reads it');
  expect((await bob.run('decode', '--force', '-i', trapped)).length).toBe(2_000_000);

  const mail = await bob.file('binary.txt', binary);
  const shown = await bob.file('shown');
  vi.spyOn(process, 'stdout', 'get').mockReturnValue(Object.assign(Object.create(process.stdout), { isTTY: true }));
  expect(await bob.fails('decode', '-i', mail)).toContain('might confuse your terminal');
  vi.restoreAllMocks();
  await bob.run('decode', '-i', mail, '-o', shown);
  expect(readFileSync(shown)).toEqual(octets);
  expect(await bob.ask('decode', '-i', mail)).toEqual([{ kind: 'message', base64: octets.toString('base64') }]);
  expect(await bob.fails('decode', '-i', await bob.file('none.txt', 'nothing'))).toContain(
    'no anonymous message in this',
  );
});

test('servers, paths, and whether servers are up', async () => {
  expect(await alice.run('servers')).toMatch(/^server +caps +status\nAmber +mbox smtp relay frag +\(ok\)\nBirch/);
  expect(await alice.run('list-servers', '-F', 'Incoming/MMTP:Port,contact', 'cedar')).toMatch(
    /^Cedar:\t\d+\toperator@example\.org\n$/,
  );
  expect(await alice.run('list-servers', '-r', 'birch', '-T')).toMatch(
    /^Birch:\t\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\tmbox smtp relay frag\n$/,
  );
  expect(await alice.fails('servers', '-F', 'version')).toContain('could be');
  const asked = await alice.ask<{ nickname: string; fingerprint: string }[]>('servers', '-F', 'fingerprint');
  expect(asked.map(({ nickname }) => nickname)).toEqual(['Amber', 'Birch', 'Cedar']);
  expect(asked[0]?.fingerprint).toMatch(/^[0-9A-F]{40}$/);

  expect(await alice.run('paths', '-P', 'Amber,Birch:Cedar', '-n', '2')).toBe('Amber,Birch:Cedar\nAmber,Birch:Cedar\n');
  expect(await alice.run('paths', '-P', '?', '--reply', '-n', '1')).toMatch(/^(Amber|Birch|Cedar)\n$/);
  expect(await alice.fails('paths', '-P', 'Amber,Elm')).toContain('no valid server is called "Elm"');
  expect(await alice.fails('paths', '-P', '?,?', '-t', 'mbox:bob')).toContain('ends in a named server');
  const big = await alice.file('big', systemRandom.bytes(200_000).toString('base64'));
  expect(await alice.fails('send', '-t', 'bob@example.net', '-i', big)).toContain('(3 of 3: no more than 100 KiB)');
  expect(await alice.fails('send', '-H', '3', '-t', 'bob@example.net')).toContain('--path "*5"');

  const amber = net.directory.find('Amber');
  expect(await alice.run('ping', 'amber', `127.0.0.1:${amber?.port}`)).toBe(
    `amber is up\n127.0.0.1:${amber?.port} is up\n`,
  );
  expect(await alice.fails('ping', 'Elm')).toContain('no server is called Elm');
  expect(await alice.run('update-servers')).toBe('Directory updated\n');
});

test('without a directory, servers brought in by hand will do', async () => {
  await using carol = await openClient('mix');
  expect(await carol.fails('servers')).toContain('no servers are known');
  expect(await carol.fails('update')).toContain('no directory server is known');
  const files: string[] = [];
  for (const { nickname, text } of net.directory.descriptors) files.push(await carol.file(nickname, text));
  expect(await carol.run('import-server', ...files)).toMatch(/Amber imported .*\n.*\n.*\nDone\.\n$/);
  await carol.run('send', '-t', 'bob@example.net', '-i', await carol.file('letter', 'hello'));
  expect(exits.mails('bob@example.net')).toHaveLength(1);
});

test('a directory that others signed is refused', async () => {
  await alice.file('mix/mix.toml', (await configText(alice)).replace(/[0-9A-F]{40}/, '0'.repeat(40)));
  expect(await alice.fails('update')).toContain('good signatures');
});

async function configText(client: Client): Promise<string> {
  return readFileSync(await client.file('mix/mix.toml'), 'utf8');
}

// spec: mixminion-mmtp 5
test('everything goes through the proxy', async () => {
  const amber = net.directory.find('Amber');
  await using proxy = await openProxy((web.address() as AddressInfo).port);
  await alice.run('update', '--proxy', `socks5://127.0.0.1:${proxy.port}`);
  await using second = await openProxy(amber?.port ?? 0);
  const through = ['--proxy', `socks5://127.0.0.1:${second.port}`];
  await alice.run('ping', 'Amber', 'Amber', ...through);
  expect(proxy.asked).toHaveLength(1);
  expect(second.asked.map(({ port }) => port)).toEqual([amber?.port, amber?.port]);
  expect(new Set(second.asked.map(({ user }) => user)).size).toBe(2);
});

test('a mistake in the configuration is told with its line', async () => {
  await configure(alice, '[paths]\nforwards = "~3"\n');
  expect(await alice.fails('queue')).toContain(
    'line 4: paths.forwards: there is no such setting; did you mean forward?',
  );
  await configure(alice, '[paths]\nforward = "Amber"\n');
  expect(await alice.fails('queue')).toContain('write a path such as');
  await alice.file('mix/mix.toml', '[User]\nUserDir: ~/x\n');
  expect(await alice.fails('queue')).toContain('a file of the old program');
});

test('a long message whose sender is killed in the middle arrives all the same, and once', async () => {
  const long = systemRandom.bytes(70_000).toString('base64');
  const letter = await alice.file('long.txt', long);
  const args = ['mix', 'send', '-t', 'bob@example.net', '-i', letter, '--home', alice.home, '--status-fd', '1'];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const chunk of child.stdout)
    if (String(chunk).includes('[MIXMINION:] PACKETS_SENT')) {
      child.kill('SIGKILL');
      break;
    }
  await once(child, 'exit');
  await alice.run('flush');
  expect(await alice.ask('queue')).toEqual([]);
  const mails = exits.mails('bob@example.net');
  expect(mails).toHaveLength(1);
  expect((await bob.run('decode', '-i', await bob.file('mail.txt', mails[0]))).trimEnd()).toBe(long);
});

// spec: mixminion-e2e 10
test('no reply block is used twice, whenever the sender is killed', async () => {
  const blocks = await alice.file('blocks.txt');
  await alice.run('surb', 'new', '--to', 'alice@home.example', '-n', '20', '-o', blocks);
  const answer = await bob.file('answer.txt', systemRandom.bytes(20_000).toString('base64')); // one packet
  const args = [MAIN, 'mix', 'send', '-R', blocks, '-i', answer, '--home', bob.home, '-D', 'no', '--quiet'];
  await bob.run('update');
  const run = () => spawn(process.execPath, args, { stdio: 'ignore' });
  await once(run(), 'exit');
  expect(exits.handles).toHaveLength(1);
  for (const delay of [0, 5, 25, 80]) {
    // From the moment in which the log of used blocks changes: then it queues, and sends.
    const child = run();
    const watcher = watch(await bob.file('mix/surbs'), () => setTimeout(() => child.kill('SIGKILL'), delay));
    await once(child, 'exit');
    watcher.close();
  }
  await bob.run('flush');
  expect(await bob.ask('queue')).toEqual([]);
  const marked = (await bob.ask<{ used: boolean }[]>('surb', 'inspect', blocks)).filter(({ used }) => used).length;
  expect(new Set(exits.handles).size).toBe(exits.handles.length);
  expect(marked).toBe(5); // each run has spent one, whatever became of it
  expect(exits.handles.length).toBeLessThanOrEqual(marked);
  // Two at once take different blocks, too, and read their message from standard input.
  const before = exits.handles.length;
  const talk = () => {
    const child = spawn(process.execPath, [...args, '-i', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
    child.stdin.end('a short answer');
    return once(child, 'exit');
  };
  expect(await Promise.all([talk(), talk()])).toEqual([
    [0, null],
    [0, null],
  ]);
  expect(new Set(exits.handles).size).toBe(before + 2);
});
