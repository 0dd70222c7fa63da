import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { openReplayServer } from '../../../test/support/cmtp-server.ts';
import { openProxy } from '../../../test/support/socks.ts';
import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import { makeKeyPair } from '../crypto/keys.ts';
import { makeReplies } from '../wire/replies.ts';
import { type Courier, converse } from './courier.ts';
import { forgetServer, openHome, readServer } from './home.ts';

let courier: Courier;
beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postern-test-'));
  courier = { home: await openHome(folder), clock: systemClock, random: systemRandom };
  return () => rm(folder, { recursive: true, force: true });
});

function openServer() {
  const pair = makeKeyPair(systemRandom);
  const replies = makeReplies(pair);
  const says = (send: string, reply: Buffer) => ({ send: Buffer.from(send), reply });
  return openReplayServer([
    says('OHAI\0', replies.success),
    says('NOOP\0', replies.success),
    says('KEYREQUEST\0\0\0', replies.key(pair.publicKey)),
    { ...says('OBAI\0', replies.success), closes: true },
  ]);
}

test('through a proxy nothing is looked up, and each conversation has a circuit of its own', async () => {
  await using server = await openServer();
  await using proxy = await openProxy(server.port);
  const proxied = { ...courier, proxy: { host: '127.0.0.1', port: proxy.port } };
  const at = { domain: 'hidden.test', server: { host: 'abcdefgh.onion', port: 9001 } };
  for (let visit = 0; visit < 2; visit += 1) await converse(proxied, at, (session) => session.noop());
  const [first, second] = proxy.asked;
  expect(first).toMatchObject({ kind: 3, host: 'abcdefgh.onion', port: 9001 });
  expect(second?.user).not.toBe(first?.user);
  await expect(converse(courier, at, (session) => session.noop())).rejects.toThrow('onion service');
});

// spec: cmtp 9 D21
test('the first key is remembered, and another one is told nothing', async () => {
  await using first = await openServer();
  await using other = await openServer();
  const at = (port: number) => ({ domain: 'here.test', server: { host: '127.0.0.1', port } });
  await converse(courier, at(first.port), (session) => session.noop());
  const known = await readServer(courier.home, 'here.test');
  await expect(converse(courier, at(other.port), (session) => session.noop())).rejects.toMatchObject({
    code: 'changed-key',
  });
  expect(other.received().includes('NOOP')).toBe(false);
  expect(await readServer(courier.home, 'here.test')).toEqual(known);
  expect(await forgetServer(courier.home, 'here.test')).toBe(true);
  await converse(courier, at(other.port), (session) => session.noop());
  expect((await readServer(courier.home, 'here.test')).key).not.toBe(known.key);
});
