// Our client and the old reference server, as it was heard in 2017: what it can do goes on working, what it cannot is said.

import { expect, test } from 'vitest';
import { openMessage } from '../../src/cmtp/client/open-message.ts';
import { keyPairOf } from '../../src/cmtp/crypto/keys.ts';
import { parseHead } from '../../src/cmtp/wire/message.ts';
import { makeReplies } from '../../src/cmtp/wire/replies.ts';
import { openClient } from '../support/client.ts';
import { cmtpVectors, hex, type KeyVectors } from '../support/cmtp.ts';
import { openReference } from '../support/cmtp-server.ts';

const { users, domain, server: oldServer } = cmtpVectors<KeyVectors>('keys');

// spec: cmtp 9 D1, D2, D6, D11
test('an account of the old server is brought in, and writes to its neighbours', async () => {
  await using stack = new AsyncDisposableStack();
  const bob = keyPairOf(hex(users.bob.ed25519_secret64));
  const reply = makeReplies(keyPairOf(hex(oldServer.ed25519_secret64))).key(bob.publicKey);
  const server = stack.use(await openReference([{ send: Buffer.from('KEYREQUEST\0bob\0\0'), reply }]));
  const alice = stack.use(await openClient('cmtp'));
  const at = ['--server', `localhost:${server.port}`, '--no-tls'];

  process.env['POSTERN_PASSPHRASE'] = users.alice.passphrase_utf8;
  const shown = await alice.ask<{ key: string }>('login', `alice@${domain}`, ...at);
  expect(shown.key).toBe(users.alice.ed25519_public);

  expect(await alice.fails('list')).toContain('old server');
  expect(await alice.fails('send', 'carol@elsewhere.example', 'x')).toContain('knows no key');
  const file = await alice.file('a.txt', 'a');
  expect(await alice.fails('send', `bob@${domain}`, 'x', '--attach', file)).toContain(
    'does not understand attachments',
  );
  expect(server.received().includes('MAIL')).toBe(false);

  expect(await alice.run('send', `bob@${domain}`, 'Still there?', '--bare')).toContain('confirms nothing');
  const { length: before } = server.received().subarray(0, server.received().indexOf('MAIL\0') + 5);
  const { head, length } = parseHead(server.received().subarray(before));
  const message = server.received().subarray(before, before + length + head.bodyLength);
  const opened = await openMessage(message, [bob], async () => undefined);
  expect(opened).toMatchObject({ from: { account: 'alice', domain }, date: undefined, text: 'Still there?' });
  expect(server.received().includes('XCHAL')).toBe(false);
  expect(server.unknown()).toHaveLength(0);
});
