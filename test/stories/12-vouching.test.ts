// Carol has met Bob and compared fingerprints; her signature on his key lets Alice trust it.

import { expect, test } from 'vitest';
import { openClient } from '../support/client.ts';
import { makeDataFolder, startOffice } from '../support/office.ts';

// spec: smallmail 2.11
test('signatures on keys are made, passed on, kept and shown; a wrong key is not taken', async () => {
  await using stack = new AsyncDisposableStack();
  const data = stack.use(await makeDataFolder());
  const office = await startOffice(data.path);
  stack.defer(async () => void (await office.end('SIGTERM')));
  const server = `localhost:${office.port('SmallMail')}`;
  const [alice, bob, carol] = [
    stack.use(await openClient()),
    stack.use(await openClient()),
    stack.use(await openClient()),
  ];
  const introduce = async (person: typeof alice, name: string) => {
    await person.run('new', name, '--server', server);
    const key = await person.file(`${name}.asc`);
    const { address } = await person.ask<{ address: string }>('address', name, '--key', key);
    return { address, key };
  };
  const bobs = await introduce(bob, 'bob');
  const carols = await introduce(carol, 'carol');

  expect(await alice.fails('contacts', 'add', 'bob', bobs.address, '--key', carols.key)).toContain('nothing was kept');
  expect(await alice.ask('contacts', 'list')).toEqual([]);

  await carol.run('contacts', 'add', 'bob', bobs.address, '--key', bobs.key);
  expect(await carol.run('contacts', 'sign', 'bob', '--as', 'carol')).toContain('by carol');
  const signed = await alice.file('bob-signed.asc', await carol.run('contacts', 'export', 'bob'));

  await alice.run('contacts', 'add', 'bob', bobs.address, '--key', bobs.key);
  const shown = () => alice.ask<{ vouchers: { state: string; by?: string }[] }>('contacts', 'show', 'bob');
  expect((await shown()).vouchers).toEqual([]);
  await alice.run('contacts', 'import', 'bob', signed);
  expect((await shown()).vouchers).toMatchObject([{ state: 'unknown' }]);
  await alice.run('contacts', 'add', 'carol', carols.address, '--key', carols.key);
  expect((await shown()).vouchers).toMatchObject([{ state: 'good', by: carols.address.slice(0, 40) }]);
  expect(await alice.run('contacts', 'show', 'bob')).toContain('by carol');

  // The signatures do not hinder the mail.
  await alice.run('send', 'bob', 'I know who you are.');
  expect(await bob.ask<unknown[]>('list', 'bob')).toHaveLength(1);
  await alice.run('contacts', 'remove', 'bob');
  expect(await alice.fails('send', 'bob', 'x')).toContain('nobody here is called bob');
});
