import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { counters } from '../office/counters.ts';
import { type DataFolder, dataFolderAt } from '../office/data-folder.ts';
import { makeOffice } from '../office/office.ts';
import { posternCommand, runPostern } from './program.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Runs a command line; what it says on each stream, and its status. */
async function run(...args: string[]) {
  const said = { out: '', err: '' };
  const take = (stream: 'out' | 'err') => (text: unknown) => {
    said[stream] += String(text);
    return true;
  };
  vi.spyOn(process.stdout, 'write').mockImplementation(take('out'));
  vi.spyOn(process.stderr, 'write').mockImplementation(take('err'));
  const status = await runPostern(args);
  vi.restoreAllMocks();
  return { status, ...said };
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

test('every command says what it is for and shows an example', () => {
  const all = everyCommand(posternCommand());
  expect(all.length).toBeGreaterThan(6);
  for (const command of all) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect(command.description(), command.name()).not.toBe('');
    expect(help, command.name()).toMatch(/Examples?:\n {2}\$ (\.\/bin\/)?postern/);
  }
});

test('help and version are a success', async () => {
  expect(await run('--help')).toMatchObject({ status: 0, out: expect.stringContaining('serve') });
  expect(await run('serve', '--help')).toMatchObject({ status: 0, out: expect.stringContaining('--only') });
  expect(await run('--version')).toMatchObject({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test('a command called wrongly ends with status 2 and a hint', async () => {
  expect(await run('srve')).toMatchObject({ status: 2, err: expect.stringContaining('serve') });
  expect(await run('serve', '--dta', 'x')).toMatchObject({ status: 2, err: expect.stringContaining('--data') });
  expect(await run('backup')).toMatchObject({ status: 2, err: expect.stringContaining('missing required argument') });
  for (const args of [['srve'], ['pins', 'lst'], ['smallmail', 'send', '--frm', 'x'], ['pins', 'list', 'smallmial']]) {
    expect(await run(...args), args.join(' ')).toMatchObject({ status: 2, err: expect.stringContaining('--help') });
  }
});

test('a failure is a message, what to do, and status 1', async () => {
  const { status, out, err } = await run('verify', '--data', '/nonexistent/postern', '--json');
  expect(status).toBe(1);
  expect(JSON.parse(out)).toMatchObject({ ok: false });
  expect(err).toBe('');
  const failed = await run('backup', '/nonexistent/backup', '--data', '/nonexistent/postern');
  expect(failed).toMatchObject({ status: 1, out: '' });
  expect(failed.err).toBe(
    'postern: there is no office in /nonexistent/postern\n' +
      '  what to do: `postern serve` makes one there; --data names another folder\n',
  );
});

describe('postern config', () => {
  let folder: DataFolder;

  beforeEach(async () => {
    folder = dataFolderAt(await mkdtemp(join(tmpdir(), 'postern-config-')));
    await makeOffice(folder, counters);
    return () => rm(folder.path, { recursive: true });
  });

  test('check: a fresh one is right, and the office is not changed by asking', async () => {
    const { status, out } = await run('config', 'check', '--data', folder.path);
    expect({ status, out }).toEqual({ status: 0, out: `${folder.config} is right.\n` });
  });

  test.each([
    [
      'a name that nobody knows',
      '[smallmail]\nmesage_size = "1 MiB"\n',
      'line 2: smallmail.mesage_size: there is no such setting; did you mean message_size?',
    ],
    ['the demonstration certificate beyond loopback', '[smallmail]\nlisten = ["0.0.0.0:1"]\n', 'set [office] name'],
    ['a health page for everybody', '[health]\nlisten = ["0.0.0.0:1"]\n', 'only loopback addresses'],
    ['a certificate that is not there', '[tls]\ncertificate = "x.crt"\nkey = "x.key"\n', 'is the name in [tls] right'],
  ])('check: %s is refused', async (_what, config, remedy) => {
    await writeFile(folder.config, config);
    const { status, out, err } = await run('config', 'check', '--data', folder.path);
    expect({ status, out }).toEqual({ status: 1, out: '' });
    expect(err).toContain(remedy);
    const asJson = await run('config', 'check', '--json', '--data', folder.path);
    expect(asJson).toMatchObject({ status: 1, err: '' });
    expect(JSON.parse(asJson.out)).toMatchObject({ ok: false, file: folder.config });
  });

  test('check: a data folder that others may read is refused', async () => {
    await chmod(folder.path, 0o755);
    const { status, err } = await run('config', 'check', '--data', folder.path);
    expect(status).toBe(1);
    expect(err).toContain(`what to do: chmod -R go= ${folder.path}`);
  });

  test('show: what is in force, as a file or as JSON', async () => {
    await writeFile(folder.config, '[office]\nname = "post.example"\n');
    const { out } = await run('config', 'show', '--data', folder.path);
    expect(out).toContain('\nname = "post.example"\n');
    expect(out).toContain('\n#level = "info"\n');
    const asJson = JSON.parse((await run('config', 'show', '--json', '--data', folder.path)).out);
    expect(asJson).toMatchObject({ office: { name: 'post.example' }, log: { level: 'info' }, smallmail: {} });
  });
});
