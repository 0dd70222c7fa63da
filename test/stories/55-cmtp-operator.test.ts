// A whole office and its operator: accounts from files that users wrote, invitations, a changed key of another server, the demo.

import { expect, test } from 'vitest';
import { runPostern } from '../../src/cli/program.ts';
import { openClient, overhear } from '../support/client.ts';
import { PASSPHRASE } from '../support/cmtp-office.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';

interface Listed {
  readonly account: string;
  readonly publicKey: string;
  readonly formerKeys: number;
  readonly messages: number;
}

// spec: cmtp 9 D22, D23
test('accounts are made by their operator, while the office runs and while it does not', async () => {
  await using stack = new AsyncDisposableStack();
  process.env['POSTERN_PASSPHRASE'] = PASSPHRASE;
  const folder = stack.use(await makeDataFolder());
  const operator = async <T>(...args: string[]): Promise<T> => {
    const command = ['cmtp', 'account', ...args, '--data', folder.path, '--json'];
    const { status, out, err } = await overhear(() => runPostern(command));
    if (status !== 0) throw new Error(err);
    return JSON.parse(out) as T;
  };
  const alice = stack.use(await openClient('cmtp'));
  const card = await alice.file('alice.json');
  await alice.run('enrol', 'alice@localhost', '--card', card);

  const office = await startOffice(folder.path);
  expect(await operator('add', card)).toEqual({ address: 'alice@localhost' });
  await expect(operator('add', card)).rejects.toThrow('already');
  const at = ['--server', `localhost:${office.port('CMTP')}`, '--no-tls'];
  await alice.run('login', 'alice@localhost', ...at);
  await alice.run('send', 'alice@localhost', 'A note to myself.');

  const stranger = stack.use(await openClient('cmtp'));
  expect(await stranger.fails('login', 'nobody@localhost', ...at)).toContain('no account');
  const { token } = await operator<{ token: string }>('invite', 'bob', '--days', '1');
  expect(await stranger.fails('enrol', 'bob@localhost', ...at, '--token', token)).toContain(
    'does not make this account',
  );

  expect(await office.end('SIGTERM')).toBe(0);
  const other = stack.use(await openClient('cmtp'));
  const newCard = await other.file('alice.json');
  await other.run('enrol', 'alice@localhost', '--card', newCard);
  const { publicKey } = await operator<{ publicKey: string }>('rotate', newCard);
  const [listed, ...others] = await operator<Listed[]>('list');
  expect([listed, others]).toMatchObject([{ account: 'alice', publicKey, formerKeys: 1, messages: 1 }, []]);
  expect((await operator<{ domain: string }>('server-key')).domain).toBe('localhost');
  await operator('remove', 'alice', '--yes');
  expect(await operator('list')).toEqual([]);
  await expect(operator('remove', 'alice', '--yes')).rejects.toThrow('no account');
  await expect(operator('add', await alice.file('nonsense', '{}'))).rejects.toThrow('no CMTP account');
}, 60_000);

test('the demo tells its chapter', async () => {
  const { code, out, err } = await postern('demo', 'cmtp');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const line of ['XENROL|', 'KEYREQUEST|bob|', 'MAIL|', 'LOGIN|bob|', 'XCHAL|bob|', 'XFETCH|', 'XDELETE|']) {
    expect(out).toContain(`C: ${line}`);
  }
  expect(out).toContain('signed by Alice, with map.png');
});
