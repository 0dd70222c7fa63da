import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { echo } from '../../test/support/echo-counter.ts';
import { DAY, SECOND, VirtualClock } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { dial } from '../net/dial.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import { makeSelfSigned, makeTlsKey } from '../net/tls-identity.ts';
import { openSqliteStore } from '../store/sqlite/open.ts';
import { type DataFolder, dataFolderAt, refuseForeign } from './data-folder.ts';
import { makeOffice, type Office, openOffice } from './office.ts';

let folder: DataFolder;
let open: Office[] = [];

beforeEach(async () => {
  folder = dataFolderAt(join(await mkdtemp(join(tmpdir(), 'postern-office-')), 'data'));
});

afterEach(async () => {
  for (const office of open) await office.close();
  open = [];
  await rm(join(folder.path, '..'), { recursive: true });
});

/** Opens the office on a configuration; the health page and the log are out of the way unless a test wants them. */
async function start(config = '', options: { clock?: VirtualClock; only?: string[] } = {}): Promise<Office> {
  await makeOffice(folder, [echo]);
  await configure(config);
  const openStore = (file: string) => openSqliteStore({ file });
  const office = await openOffice({ folder, counters: [echo], openStore, ...options });
  open.push(office);
  return office;
}

function configure(config: string): Promise<void> {
  const health = config.includes('[health]') ? '' : '[health]\nlisten = []\n';
  const log = config.includes('[log]') ? '' : '[log]\nfile = "log"\n';
  return writeFile(folder.config, `${health}${log}${config}`);
}

async function visit(office: Office): Promise<Connection> {
  const [port] = office.listening;
  if (port === undefined) throw new Error('nothing listens');
  return dial({ to: port.at, pin: office.identity.serverKey });
}

async function say(connection: Connection, line: string): Promise<string | undefined> {
  await connection.write(`${line}\n`);
  return (await connection.line(1000, 5 * SECOND))?.toString();
}

describe('opening', () => {
  test('makes a folder for its owner alone, and finds everything again', async () => {
    expect(await makeOffice(folder, [echo])).toBe(true);
    const first = await start();
    const connection = await visit(first);
    expect(await say(connection, 'hello')).toBe('echo hello');
    await first.close();
    for (const path of [folder.path, folder.keys]) expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const path of [folder.config, folder.tlsKey, folder.tlsCertificate, folder.database]) {
      expect((await stat(path)).mode & 0o777, path).toBe(0o600);
    }

    expect(await makeOffice(folder, [echo])).toBe(false);
    const second = await start();
    expect(second.identity.serverKey).toEqual(first.identity.serverKey);
    expect(second.identity.certificate).toBe(first.identity.certificate);
  });

  test('refuses a folder that others may look into, and says how to close it', async () => {
    await makeOffice(folder, [echo]);
    await chmod(folder.path, 0o750);
    await expect(start()).rejects.toMatchObject({ code: 'folder', remedy: expect.stringContaining('chmod -R go= ') });
    await chmod(folder.path, 0o700);
    await chmod(folder.config, 0o644);
    await expect(start()).rejects.toMatchObject({ code: 'folder' });
  });

  test("refuses another user's folder, whoever asks", async () => {
    await makeOffice(folder, [echo]);
    const owner = (await stat(folder.path)).uid;
    await expect(refuseForeign(folder, owner + 1)).rejects.toMatchObject({
      remedy: expect.stringContaining(`'#${owner}'`),
    });
    await expect(refuseForeign(folder, owner)).resolves.toBeUndefined();
  });

  test('refuses the demonstration certificate beyond loopback, and takes a named one', async () => {
    const beyond = '[echo]\nlisten = ["0.0.0.0:0"]\n';
    await expect(start(beyond)).rejects.toMatchObject({
      code: 'danger',
      message: expect.stringMatching(/beyond this machine[\s\S]*set \[office\] name/),
    });
    const office = await start(`[office]\nname = "post.example"\n${beyond}`);
    expect(office.listening).toHaveLength(1);
  });

  test('leaves nothing open when something cannot be opened', async () => {
    const office = await start();
    const [port] = office.listening;
    const listen = `[echo]\nlisten = ["127.0.0.1:0", "${formatEndpoint(port?.at ?? { host: '', port: 0 })}"]\n`;
    await expect(start(listen)).rejects.toMatchObject({ code: 'locked' }); // one office a folder
    await office.close();
    const taken = await start('[health]\nlisten = ["127.0.0.1:0"]\n');
    const at = formatEndpoint(taken.health ?? { host: '', port: 0 });
    folder = { ...dataFolderAt(join(folder.path, '..', 'other')) };
    await expect(start(`[health]\nlisten = ["${at}"]\n`)).rejects.toMatchObject({ code: 'health' });
    await start(); // its lock and its ports are free again
  });

  test('opens only the counters that are asked for', async () => {
    expect((await start('[office]\ncounters = []\n')).listening).toEqual([]);
    await expect(start('', { only: ['ecko'] })).rejects.toMatchObject({ remedy: 'did you mean echo?' });
  });
});

describe('the certificate', () => {
  test('is made anew for another name, over the same key', async () => {
    const before = await start();
    await before.close();
    const after = await start('[office]\nname = "post.example"\n');
    expect(after.identity.certificate).not.toBe(before.identity.certificate);
    expect(after.identity.serverKey).toEqual(before.identity.serverKey);
  });

  test('is renewed before its time is over', async () => {
    const before = await start('', { clock: new VirtualClock() });
    await before.close();
    const clock = new VirtualClock(before.identity.validUntil - 30 * DAY);
    const after = await start('', { clock });
    expect(after.identity.validUntil).toBeGreaterThan(before.identity.validUntil);
    expect(after.identity.serverKey).toEqual(before.identity.serverKey);
  });

  test('is made over a new key when the planned one was put in the place of the old', async () => {
    const office = await start();
    expect(office.identity.next).toBeUndefined();
    const planned = join(folder.keys, 'tls-next.key');
    const key = makeTlsKey();
    await writeFile(planned, key, { mode: 0o600 });
    await office.reload();
    const next = (await makeSelfSigned('localhost', key, Date.now())).serverKey;
    expect(office.identity.next).toEqual(next);
    await rename(planned, folder.tlsKey);
    await office.reload();
    expect(office.identity.serverKey).toEqual(next);
    expect(office.identity.next).toBeUndefined();
    await writeFile(planned, 'no key', { mode: 0o600 });
    await expect(office.reload()).rejects.toMatchObject({ code: 'identity' });
    await rm(planned);
  });

  test("may be the operator's, whose key others must not read", async () => {
    const own = await start();
    await own.close();
    const [certificate, key] = [await readFile(folder.tlsCertificate), await readFile(folder.tlsKey)];
    await writeFile(join(folder.path, 'given.crt'), certificate);
    await writeFile(join(folder.path, 'given.key'), key, { mode: 0o600 });
    const given = '[tls]\ncertificate = "given.crt"\nkey = "given.key"\n';
    expect((await start(given)).identity.certificate).toBe(certificate.toString());
    await open.pop()?.close();
    await chmod(join(folder.path, 'given.key'), 0o644);
    await expect(start(given)).rejects.toMatchObject({ code: 'identity' });
    await expect(start(given.replace('given.crt', 'gone.crt'))).rejects.toMatchObject({ code: 'identity' });
  });
});

describe('reloading', () => {
  test('takes new settings while a conversation goes on', async () => {
    const office = await start();
    const connection = await visit(office);
    expect(await say(connection, 'one')).toBe('echo one');
    await configure('[echo]\ngreeting = "hallo"\n');
    expect(await office.reload()).toEqual([]);
    expect(await say(connection, 'two')).toBe('hallo two');
  });

  test('keeps everything as it was when the new configuration cannot be used', async () => {
    const office = await start();
    const connection = await visit(office);
    const { certificate } = office.identity;
    for (const broken of [
      '[echo]\ngreting = "x"\n',
      '[echo]\ngreeting = "boom"\n',
      '[echo]\nlisten = ["0.0.0.0:0"]\n',
    ]) {
      await configure(broken);
      await expect(office.reload()).rejects.toThrow();
      expect(await say(connection, 'still here')).toBe('echo still here');
    }
    expect(office.identity.certificate).toBe(certificate);
  });

  test('shows a new certificate to new conversations', async () => {
    const office = await start();
    const connection = await visit(office);
    await configure('[office]\nname = "post.example"\n');
    await office.reload();
    expect(await say(connection, 'hello')).toBe('echo hello');
    expect(await say(await visit(office), 'hello')).toBe('echo hello'); // the pin holds
  });

  test('says what counts after a restart only', async () => {
    const office = await start();
    await configure('[office]\ncounters = []\n[health]\nlisten = ["127.0.0.1:0"]\n');
    expect(await office.reload()).toEqual(['office.counters', 'health.listen']);
  });
});

describe('the health page', () => {
  const withPage = '[health]\nlisten = ["127.0.0.1:0"]\n';
  const ask = (office: Office, path: string, headers: Record<string, string> = {}) =>
    fetch(`http://${formatEndpoint(office.health ?? { host: '', port: 0 })}${path}`, { headers });

  test('tells that the store takes things in, and where the counters listen', async () => {
    const office = await start(withPage);
    const answer = await ask(office, '/health');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      ok: true,
      storeMs: expect.any(Number),
      listening: [{ counter: 'Echo', what: 'TLS' }],
    });
  });

  test('answers 503 when the store is gone', async () => {
    await makeOffice(folder, [echo]);
    await configure(withPage);
    let closeStore = async () => {};
    const openStore = async (file: string) => {
      const store = await openSqliteStore({ file });
      closeStore = () => store.close();
      return store;
    };
    const office = await openOffice({ folder, counters: [echo], openStore });
    open.push(office);
    await closeStore();
    const answer = await ask(office, '/health');
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ ok: false, reason: 'the store is closed' });
  });

  test('counts for Prometheus', async () => {
    const office = await start(withPage);
    const connection = await visit(office);
    await say(connection, 'hello');
    const text = await (await ask(office, '/metrics')).text();
    expect(text).toMatch(/^postern_echo_connections 1$/m);
    expect(text).toMatch(/^postern_mailboxes 0$/m);
    expect(text).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  test('is nothing else, and not for a web page that gave 127.0.0.1 a name of its own', async () => {
    const office = await start(withPage);
    const rebound = new Promise((resolve) => {
      const asked = request({ ...office.health, path: '/health', headers: { host: 'evil.example' } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.end();
    });
    expect(await rebound).toBe(403);
    expect((await ask(office, '/')).status).toBe(404);
    const posted = await fetch(`http://${formatEndpoint(office.health ?? { host: '', port: 0 })}/health`, {
      method: 'POST',
    });
    expect(posted.status).toBe(405);
  });

  test('is refused beyond loopback', async () => {
    await expect(start('[health]\nlisten = ["0.0.0.0:0"]\n')).rejects.toMatchObject({ code: 'config' });
  });
});

test('closing lets a conversation finish the line it is in, and is done once', async () => {
  const office = await start();
  const connection = await visit(office);
  expect(await say(connection, 'hello')).toBe('echo hello');
  await Promise.all([office.close(), office.close()]);
  expect(await connection.line(1000, 5 * SECOND)).toBeUndefined();
  expect(office.listening).toEqual([]);
});

test('the log names events and never a peer', async () => {
  const office = await start('[log]\nfile = "office.log"\nlevel = "debug"\nformat = "json"\n');
  const connection = await visit(office);
  await say(connection, 'a secret');
  await connection.close();
  await office.close();
  const text = await readFile(join(folder.path, 'office.log'), 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map(({ event }) => event)).toEqual(['office.open', 'office.close']);
  expect(text).not.toMatch(/127\.0\.0\.1|secret/);
  expect((await stat(join(folder.path, 'office.log'))).mode & 0o777).toBe(0o600);
});
