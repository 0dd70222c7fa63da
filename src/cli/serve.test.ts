// The program as people run it: a process of its own, signals and all.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onAnyPort } from '../../test/support/office.ts';
import { fromHex } from '../base/bytes.ts';
import { SECOND, systemClock } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { dial } from '../net/dial.ts';
import { parseEndpoint } from '../net/endpoint.ts';
import { backUp } from '../office/backup.ts';
import { counters } from '../office/counters.ts';
import { dataFolderAt } from '../office/data-folder.ts';
import { examine } from '../office/doctor.ts';
import { makeOffice, openOffice } from '../office/office.ts';
import { verifyOffice } from '../office/verify.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';

const CONFIG = onAnyPort('[cmtp]\nlisten_tls = []\n[health]\nlisten = ["127.0.0.1:0"]\n');

let home: string;
const running = new Set<ChildProcessWithoutNullStreams>();

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'postern-serve-'));
  await makeOffice(folder(), counters);
  await writeFile(folder().config, CONFIG);
});

afterEach(async () => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  await rm(home, { recursive: true });
});

const folder = () => dataFolderAt(join(home, 'data'));

const launch = (...args: string[]) => launchUnder([], ...args);

/** Runs a command in a Node with these options. */
function launchUnder(options: readonly string[], ...args: string[]): ChildProcessWithoutNullStreams {
  const main = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [...options, main, ...args, '--data', folder().path], { cwd: home });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** Runs a command to its end. */
async function postern(...args: string[]) {
  const child = launch(...args);
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended(child)]);
  return { out, err, status };
}

function ended(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return new Promise((resolve) => child.once('close', resolve));
}

interface Served {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  readonly serverKey: string;
  readonly health: string;
  readonly listening: readonly { readonly counter: string; readonly at: string }[];
  /** Resolves when the log has told of this event. */
  logged(event: string): Promise<Record<string, unknown>>;
}

/** Starts an office and waits until it is open. */
async function serve(): Promise<Served> {
  const child = launch('serve', '--json');
  const log = logOf(child);
  let out = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    out += String(chunk);
    if (out.endsWith('}\n')) break;
  }
  return {
    child,
    ended: ended(child),
    logged: log,
    ...(JSON.parse(out) as Pick<Served, 'serverKey' | 'health' | 'listening'>),
  };
}

function logOf(child: ChildProcessWithoutNullStreams): Served['logged'] {
  let told = '';
  const waiting = new Set<() => void>();
  child.stderr.on('data', (chunk) => {
    told += String(chunk);
    for (const look of waiting) look();
  });
  return (event) =>
    new Promise((resolve) => {
      const look = () => {
        const lines = told
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Record<string, unknown>);
        const found = lines.find((line) => line['event'] === event);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
}

async function visit({ listening, serverKey }: Served): Promise<Connection> {
  const to = parseEndpoint(listening[0]?.at ?? '');
  if (to === undefined) throw new Error('nothing listens');
  return dial({ to, pin: fromHex(serverKey) });
}

/** Any word gets a reply: enough to know that the conversation goes on. */
async function reply(connection: Connection): Promise<string> {
  await connection.write('HELLO?\r\n');
  return String(await connection.line(1000, 5 * SECOND));
}

describe('postern serve', () => {
  test('says where everything is, stops within 5 s though somebody is connected, and finds everything again', async () => {
    const child = launch('serve');
    let page = '';
    for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
      page += String(chunk);
      if (page.includes('kill -HUP')) break;
    }
    expect(page).toContain('Postern is open.');
    const [, at = ''] = /SmallMail {2,}(\S+) {2,}TLS/.exec(page) ?? [];
    const [, serverKey = ''] = /server key +([0-9a-f]{64})/.exec(page) ?? [];
    expect(page).toContain(folder().path);
    expect(page).toContain('npx postern ima account add alice@localhost');
    const connection = await visit({ listening: [{ at, counter: 'SmallMail' }], serverKey } as unknown as Served);
    expect(await reply(connection)).toMatch(/^ERR/);
    const asked = performance.now();
    const stopped = ended(child);
    child.kill('SIGTERM');
    expect(await stopped).toBe(0);
    expect(performance.now() - asked).toBeLessThan(5000);
    for (const file of [folder().config, folder().tlsKey, folder().tlsCertificate, folder().database]) {
      expect((await stat(file)).mode & 0o777, file).toBe(0o600);
    }

    const again = await serve();
    expect(again.serverKey).toBe(serverKey);
    const health = await fetch(again.health);
    expect(await health.json()).toMatchObject({ ok: true });
    again.child.kill('SIGINT');
    expect(await again.ended).toBe(0);
  });

  test('reads its configuration again on SIGHUP while a conversation goes on, and refuses a broken one', async () => {
    const office = await serve();
    const connection = await visit(office);
    const before = await reply(connection);
    await writeFile(folder().config, `[office]\nname = "post.example"\n${CONFIG}`);
    office.child.kill('SIGHUP');
    await office.logged('reload.done');
    expect(await reply(connection)).toBe(before);
    expect(await reply(await visit(office))).toBe(before); // under the new certificate, over the pinned key
    await writeFile(folder().config, `[smallmial]\n${CONFIG}`);
    office.child.kill('SIGHUP');
    expect(await office.logged('reload.refused')).toMatchObject({
      level: 'error',
      message: expect.stringContaining('did you mean smallmail?'),
    });
    expect(await reply(connection)).toBe(before);
    office.child.kill('SIGTERM');
    expect(await office.ended).toBe(0);
  });

  test('waits a moment for a command that has the store', async () => {
    const store = await openSqliteStore({ file: folder().database });
    const opening = serve();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await store.close();
    const office = await opening;
    office.child.kill('SIGTERM');
    expect(await office.ended).toBe(0);
  });

  test('heeds a SIGHUP that comes while it opens', async () => {
    // As soon as somebody listens for it, which is long before the office is open.
    const early = `let sent = false; process.on('newListener', (name) => {
      if (name !== 'SIGHUP' || sent) return;
      sent = true;
      setImmediate(() => process.kill(process.pid, 'SIGHUP'));
    })`;
    const child = launchUnder([`--import=data:text/javascript,${encodeURIComponent(early)}`], 'serve', '--json');
    const log = logOf(child);
    child.stdout.resume();
    await log('reload.done');
    const end = ended(child);
    child.kill('SIGTERM');
    expect(await end).toBe(0);
  });

  test('is backed up, verified and examined by another process while it runs, and never opened twice', async () => {
    const office = await serve();
    const copy = await backUp(folder(), join(home, 'copy'));
    const keys = ['cmtp/private.key', 'cmtp/public.key', 'immp/secrets.key', 'keys/tls.crt', 'keys/tls.key'];
    expect(copy.files).toEqual([...keys, 'mail.sqlite', 'postern.toml']);
    for (const place of [folder(), dataFolderAt(copy.folder)]) {
      expect(await verifyOffice(place, counters, () => {})).toMatchObject({ ok: true });
    }
    const findings = await examine(folder(), counters, systemClock);
    expect(findings.filter(({ state }) => state === 'fault')).toEqual([]);
    const again = openOffice({ folder: folder(), counters, openStore: (file) => openSqliteStore({ file }) });
    await expect(again).rejects.toMatchObject({ code: 'locked' });
    office.child.kill('SIGTERM');
    expect(await office.ended).toBe(0);
  });
});

test('refuses dangerous settings, and says what to do', async () => {
  await writeFile(folder().config, '[smallmail]\nlisten = ["0.0.0.0:0"]\n');
  const { status, out, err } = await postern('serve');
  expect({ status, out }).toEqual({ status: 1, out: '' });
  expect(err).toContain('what to do: set [office] name');
});
