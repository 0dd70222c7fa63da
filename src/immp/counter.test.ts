// The counter on real sockets, in an office's hands.

import { expect, test } from 'vitest';
import { testIdentity } from '../../test/support/immp.ts';
import { openTestPost } from '../../test/support/post.ts';
import { SECOND } from '../base/time.ts';
import { dialPlain } from '../net/dial.ts';
import { immp } from './counter.ts';
import { type ImmpSettings, settings as schema } from './settings.ts';

const read = (changes: object = {}) => schema.parse({ listen: ['127.0.0.1:0'], ...changes }) as ImmpSettings;

test('a user comes in over the network, through UPGRADE, and the office closes over him', async () => {
  await using post = await openTestPost();
  const house = { post, identity: await testIdentity(), folder: post.folder, hostname: 'B.com' };
  const open = await immp.open(house, read());
  const to = open.listening[0]?.at;
  if (to === undefined) throw new Error('it does not listen');
  const connection = await dialPlain({ to });
  const line = async () => String(await connection.line(5000, 10 * SECOND));
  while (!(await line()).startsWith('101 p=IMMP v=1.0 d=b.com ')) expect(open.connections).toBe(1);
  await connection.write('UPGRADE TLS\n');
  expect(await line()).toBe('204 Upgrading to TLS.');
  await connection.secure({ side: 'client', host: 'b.com', pin: house.identity.serverKey });
  await connection.write('NOOP\n');
  expect(await line()).toBe('200 Ok');
  await open.reload(house, read({ message_size: '1 MiB' }));
  await connection.write('NOOP\n');
  expect(await line()).toBe('200 Ok');
  expect(await post.local.owns('nobody@b.com')).toBe(false);
  const closed = open.close(5 * SECOND);
  expect(await line()).toBe('710 Shutting down');
  await closed;
});

test('the old ways to log in deserve a word where others can reach them', () => {
  expect(immp.warnings?.(read({ auth: ['K3', 'K2'], listen: ['0.0.0.0:1025'] }))).toMatchObject([
    { setting: 'immp.auth' },
  ]);
  expect(immp.warnings?.(read({ auth: ['K3', 'K2'] }))).toEqual([]);
});
