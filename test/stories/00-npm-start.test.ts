// The first of the two commands: `npm start` opens the office, a signal to npm closes it, and a second start, on a
// machine with an older Node, finds everything again.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { SmallMailClient } from '../../src/smallmail/client.ts';
import { makeDataFolder } from '../support/office.ts';
import { makePerson } from '../support/pgp.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PATIENCE = 5000;

const NPM = ['npm', 'start', '--'] as const;
/** What npm does on a machine whose own Node is too old, while the one that Postern brings is not there yet. */
const OLDER_NODE = [
  process.execPath,
  `--import=data:text/javascript,${encodeURIComponent(
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } })",
  )}`,
  'scripts/run.js',
  'start',
] as const;

async function start([command, ...args]: readonly [string, ...string[]], folder: string) {
  const child = spawn(command, [...args, '--data', folder], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let page = '';
  for await (const chunk of child.stdout) {
    page += chunk;
    if (page.includes('Stop it with')) break;
  }
  const port = Number(/SmallMail\s+127\.0\.0\.1:(\d+)/.exec(page)?.[1]);
  const pin = Buffer.from(/server key\s+([0-9a-f]{64})/.exec(page)?.[1] ?? '', 'hex');
  return { child, exited, page, port, pin };
}

test('npm start opens the office, stops within 5 seconds, and finds everything again', async () => {
  await using folder = await makeDataFolder();
  const alice = await makePerson();
  const body = await alice.seal('still here tomorrow?');

  const first = await start(NPM, folder.path);
  expect(first.page).toContain('npx postern smallmail new alice');
  const client = new SmallMailClient(await dial({ to: { host: '127.0.0.1', port: first.port }, pin: first.pin }));
  await client.create(alice.key);
  await client.send(alice.mailbox, body);
  const signalled = Date.now();
  first.child.kill('SIGTERM'); // with a client still connected
  await first.exited;
  await expect(dial({ to: { host: '127.0.0.1', port: first.port } })).rejects.toMatchObject({ code: 'unreachable' });
  expect(Date.now() - signalled).toBeLessThan(PATIENCE);

  const second = await start(OLDER_NODE, folder.path);
  expect(second.pin).toEqual(first.pin);
  const connection = await dial({ to: { host: '127.0.0.1', port: second.port }, pin: second.pin });
  const again = new SmallMailClient(connection, { sign: (_mailbox, challenge) => alice.sign(challenge) });
  expect(await Array.fromAsync(again.list(alice.mailbox))).toMatchObject([{ size: body.length }]);
  await again.close();
  second.child.kill('SIGINT');
  await second.exited;
}, 60_000);
