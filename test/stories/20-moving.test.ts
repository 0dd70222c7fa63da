// A mailbox moves: its server writes it into files, another takes it in, and its owner finds all letters there.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readKey } from 'openpgp';
import { expect, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { SmallMailClient } from '../../src/smallmail/client.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';
import { makePerson, type Person } from '../support/pgp.ts';

async function visit<T>(folder: string, person: Person, work: (client: SmallMailClient) => Promise<T>): Promise<T> {
  const office = await startOffice(folder);
  try {
    const connection = await dial({ to: { host: '127.0.0.1', port: office.port('SmallMail') } });
    const client = new SmallMailClient(connection, { sign: (_mailbox, challenge) => person.sign(challenge) });
    return await work(client);
  } finally {
    expect(await office.end('SIGTERM')).toBe(0);
  }
}

// spec: smallmail 2.9
test('export, import, and nothing is lost or doubled', async () => {
  await using old = await makeDataFolder();
  await using fresh = await makeDataFolder();
  const alice = await makePerson();
  const letters = [await alice.seal('one'), await alice.seal(Buffer.alloc(100_000, 'two'))];
  await visit(old.path, alice, async (client) => {
    await client.create(alice.key);
    for (const letter of letters) await client.send(alice.mailbox, letter);
    const running = await postern('export', 'smallmail', join(old.path, 'files'), '--data', old.path);
    expect(running).toMatchObject({ code: 1, err: expect.stringContaining('stop the other process') });
  });

  const files = join(old.path, 'files');
  const out = await postern('export', 'smallmail', files, '--data', old.path, '--json');
  expect(JSON.parse(out.out)).toEqual({ mailboxes: 1, messages: 2 });
  expect(await readdir(files)).toEqual([alice.mailbox]);
  expect(await readdir(join(files, alice.mailbox, 'msg'))).toHaveLength(2);
  const key = await readKey({ binaryKey: await readFile(join(files, alice.mailbox, 'key.pgp')) });
  expect(key.getFingerprint().toUpperCase()).toBe(alice.mailbox);

  await (await startOffice(fresh.path)).end('SIGTERM'); // makes its keys and its store
  for (const expected of [2, 0]) {
    const into = await postern('import', 'smallmail', files, '--data', fresh.path, '--json');
    expect(JSON.parse(into.out)).toEqual({ mailboxes: 1, messages: expected });
  }
  await visit(fresh.path, alice, async (client) => {
    const kept: Buffer[] = [];
    for (const { id } of await Array.fromAsync(client.list(alice.mailbox))) {
      kept.push(Buffer.concat(await Array.fromAsync((await client.receive(alice.mailbox, id)).chunks)));
    }
    expect(kept.map(String).sort()).toEqual(letters.map(String).sort());
  });

  await writeFile(join(files, alice.mailbox, 'key.pgp'), (await makePerson()).key);
  const wrong = await postern('import', 'smallmail', files, '--data', fresh.path);
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("not of the folder's mailbox") });
  const nothing = await postern('import', 'smalmail', files, '--data', fresh.path);
  expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('did you mean smallmail?') });
}, 60_000);
