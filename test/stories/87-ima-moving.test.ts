// IMA moves: from an office to the programs that run alone, on whose files they work at once, and into another office.   spec: ima 2.7, 2.12

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { askOffice } from '../../src/cli/ask-office.ts';
import { letterOf } from '../../src/ima/letter.ts';
import { Mailbox } from '../../src/ima/mailbox/mailbox.ts';
import { makeWorld, messagesIn, runImaProgram, startImaProgram, storedOctets } from '../support/ima.ts';
import { PASSWORD } from '../support/ima-office.ts';
import { SAMPLE } from '../support/ima-samples.ts';
import { makeDataFolder, postern } from '../support/office.ts';

const CONFIG = '[office]\ncounters = ["ima"]\n[ima]\nhostparts = ["b.test"]\n';
const tools = { clock: systemClock, random: systemRandom };
const inboxOf = (folder: string) => join(folder, 'ima', 'mailboxes', 'b.test', 'bob');

test('accounts, mail with its flags, and lists', async () => {
  await using world = await makeWorld();
  await using old = await makeDataFolder(CONFIG);
  await using fresh = await makeDataFolder(CONFIG);
  const ask = (folder: string, name: string, argument: object) => askOffice(folder, 'ima', name, argument);
  await ask(old.path, 'account.add', { address: 'bob@b.test', password: PASSWORD, keepSent: true });
  await ask(old.path, 'list.add', { address: 'club@b.test' });
  await ask(old.path, 'list.subscribe', { address: 'club@b.test', subscriber: 'bob@b.test' });
  const mailbox = new Mailbox(inboxOf(old.path), tools);
  await mailbox.folder('inbox').deliver(letterOf(SAMPLE), { flags: ['seen'] });
  await mailbox.makeFolder('work');
  await mailbox.folder('work').deliver(letterOf(SAMPLE));

  const files = join(old.path, 'files');
  const out = await postern('export', 'ima', files, '--data', old.path, '--json');
  expect(JSON.parse(out.out)).toEqual({ mailboxes: 1, messages: 2 });
  expect(JSON.parse(await readFile(join(files, 'lists', 'club@b.test.json'), 'utf8'))).toMatchObject({
    subscribers: ['bob@b.test'],
  });

  const { cert, key } = await world.files('b.test');
  await writeFile(
    join(files, 'server-post-office_config.toml'),
    `[server-post-office]\nlisten = ["127.0.0.1:0"]\ncert = ${JSON.stringify(cert)}\nkey = ${JSON.stringify(key)}\n`,
  );
  const { child, port } = await startImaProgram('server-post-office', [], files);
  try {
    await writeFile(join(world.folder, 'password'), PASSWORD, { mode: 0o600 });
    await writeFile(
      join(world.folder, 'fetch-mail_config.toml'),
      `[fetch-mail]\nhost = "127.0.0.1:${port}"\nname = "b.test"\nuser = "bob@b.test"\npassword_file = "password"\nextra_ca = [${JSON.stringify(world.rootFile)}]\nonly_extra_ca = true\n`,
    );
    const fetched = await runImaProgram('fetch-mail', [], { cwd: world.folder });
    expect(fetched).toMatchObject({ code: 0, out: '2 fetched, 0 removed, 0 flagged\n' });
  } finally {
    child.kill();
  }

  for (const expected of [2, 0]) {
    const into = await postern('import', 'ima', files, '--data', fresh.path, '--json');
    expect(into).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(into.out)).toEqual({ mailboxes: 1, messages: expected });
  }
  expect(await ask(fresh.path, 'account.list', {})).toMatchObject([
    { address: 'bob@b.test', auth: 'password', messages: 2, unread: 0 },
  ]);
  expect(await ask(fresh.path, 'list.show', { address: 'club@b.test' })).toMatchObject({ subscribers: ['bob@b.test'] });
  for (const name of ['inbox', 'work']) {
    const [path = ''] = await messagesIn(join(inboxOf(fresh.path), name));
    expect(await storedOctets(path)).toEqual(SAMPLE);
  }
  const nothing = await postern('import', 'ima', world.folder, '--data', fresh.path);
  expect(nothing).toMatchObject({ code: 1, err: expect.stringContaining('holds no users.toml') });
});
