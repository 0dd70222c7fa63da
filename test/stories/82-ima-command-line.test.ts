// Two people at one office, by the command line alone: an authority of their own, accounts, letters, flags.   spec: ima 2.8, 2.9, 2.12

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runPostern } from '../../src/cli/program.ts';
import { overhear } from '../support/client.ts';
import { makeDataFolder, postern, startOffice } from '../support/office.ts';

test('alice writes to bob', async () => {
  await using folder = await makeDataFolder();
  const at = (name: string) => join(folder.path, name);
  const ok = async (...args: string[]) => {
    const { status, out, err } = await overhear(() => runPostern(args));
    expect([args.join(' '), status, err]).toEqual([args.join(' '), 0, '']);
    return out;
  };
  const ca = ['--folder', at('ca')];
  expect(await ok('ca', 'init', 'Our village', ...ca)).toBe(`${at('ca/ca.crt')}\n${at('ca/ca.key')}\n`);
  const issued = { certificate: at('ca/post.test.crt'), key: at('ca/post.test.key') };
  expect(JSON.parse(await ok('ca', 'issue', 'post.test', '--json', ...ca))).toEqual(issued);
  const config = await readFile(at('postern.toml'), 'utf8');
  const ima = `[ima]\nhostparts = ["post.test"]\ncert = "${issued.certificate}"\nkey = "${issued.key}"\nextra_ca = ["${at('ca/ca.crt')}"]\n`;
  await writeFile(at('postern.toml'), `[office]\ncounters = ["ima"]\n\n${ima}\n${config}`, { mode: 0o600 });
  await writeFile(at('password'), 'correct horse\n');
  const secret = ['--password-file', at('password')];
  await ok('ima', 'account', 'add', 'alice@post.test', '--keep-sent', ...secret, '--data', folder.path);
  const office = await startOffice(folder.path);
  try {
    vi.stubEnv('POSTERN_NEW_PASSWORD', 'correct horse');
    await ok('ima', 'account', 'add', 'bob@post.test', '--data', folder.path);
    const stranger = ['ima', 'account', 'add', 'carol@elsewhere.test', '--data', folder.path];
    const refused = await overhear(() => runPostern(stranger));
    expect(refused.err).toContain('elsewhere.test is not a domain of this office');
    expect(refused.err).toContain('what to do: its domains: post.test; others are added to ima.hostparts');
    const ports = office.ports('IMA');
    const login = (who: string) =>
      ok(
        ...['ima', 'login', `${who}@post.test`, '--home', at(who), ...secret, '--ca', at('ca/ca.crt'), '--only-ca'],
        ...['--imrp', `127.0.0.1:${ports['IMRP']}`, '--submission', `127.0.0.1:${ports['submission']}`],
      );
    await login('alice');
    await login('bob');
    await writeFile(at('notes.txt'), 'line\n');
    const words = ['See you.', '-S', 'Tomorrow', '-a', at('notes.txt')];
    const sent = await postern('ima', 'send', 'bob@post.test', ...words, '--home', at('alice')); // a process of its own
    expect(sent).toEqual({ code: 0, out: 'OK bob@post.test\nsent\n', err: '' });
    const lost = await overhear(() => runPostern(['ima', 'send', 'nobody@post.test', 'Hello?', '--home', at('alice')]));
    expect(lost).toEqual({ status: 1, out: 'FAIL nobody@post.test NORECIPIENT\n', err: 'nobody has it\n' });
    const bob = ['--home', at('bob')];
    expect(await ok('ima', 'fetch', ...bob)).toBe('1 fetched, 0 removed, 0 flagged\n');
    expect(await ok('ima', 'list', ...bob)).toMatch(/1 {2}\d{4}-.* alice@post\.test {2}Tomorrow/);
    const shown = await ok('ima', 'read', '1', ...bob);
    expect(shown).toContain('part 2   notes.txt, 5 B');
    expect(shown).toContain('\nSee you.\n');
    await ok('ima', 'save', '1', '--to', at('saved'), ...bob);
    expect(await readFile(at('saved/notes.txt'), 'utf8')).toBe('line\n');
    expect(await ok('ima', 'flag', '1', 'flagged', ...bob)).toBe('flagged seen\n');
    expect(await ok('ima', 'fetch', ...bob)).toBe('0 fetched, 0 removed, 1 flagged\n');
    // The directories are the truth; what the office tells of them follows a moment later.
    const list = async () => JSON.parse(await ok('ima', 'account', 'list', '--json', '--data', folder.path));
    await expect.poll(list, { timeout: 10_000 }).toMatchObject([
      { address: 'alice@post.test', messages: 1 },
      { address: 'bob@post.test', messages: 1, unread: 0 },
    ]);
    const removing = ['ima', 'account', 'remove', 'bob@post.test', '--data', folder.path];
    expect(await overhear(() => runPostern(removing))).toMatchObject({ status: 2, out: '' });
    expect(await list()).toHaveLength(2);
    expect(await ok(...removing, '--yes')).toBe('removed bob@post.test and all its mail\n');
    expect(await list()).toHaveLength(1);
  } finally {
    vi.unstubAllEnvs();
    expect(await office.end('SIGTERM')).toBe(0);
  }
}, 120_000);
