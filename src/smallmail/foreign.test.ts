// A peer that shares no line of code with us: GnuPG makes the keys and signatures, `openssl s_client` carries the session.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { beforeAll, expect, test } from 'vitest';
import { openTestCounter, type TestCounter } from '../../test/support/counter.ts';
import { type Gpg, openGpg } from '../../test/support/gpg.ts';
import { judgedBy } from '../../test/support/judges.ts';
import { SECOND } from '../base/time.ts';
import { Connection } from '../net/connection.ts';

let counter: TestCounter;
const JUDGED = judgedBy('gpg', 'openssl');
let gpg: Gpg;

beforeAll(async () => {
  counter = await openTestCounter();
  if (!JUDGED.skip) gpg = openGpg(Date.now());
  return async () => {
    gpg?.close();
    await counter[Symbol.asyncDispose]();
  };
});

/** What is typed into `openssl s_client -quiet` and what it prints. */
function openssl(port: number): { connection: Connection; end: () => void } {
  const args = ['s_client', '-quiet', '-connect', `127.0.0.1:${port}`];
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn('openssl', args, {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', (cause) => {
    throw new Error('this test needs OpenSSL: install the package openssl', { cause });
  });
  return {
    connection: new Connection(Duplex.from({ writable: child.stdin, readable: child.stdout })),
    end: () => child.kill(),
  };
}

test.each([
  ['Ed25519', 'ed25519', 'cv25519'],
  ['RSA', 'rsa2048', 'rsa2048'],
])('gpg (%s) and openssl s_client run every command', JUDGED, async (name, signing, encrypting) => {
  const fingerprint = gpg.makeKey(`smallmail ${name}`, signing, 'sign');
  gpg.run(['--quick-add-key', fingerprint, encrypting, 'encr', 'never']);
  const key = gpg.export(fingerprint);
  const { connection, end } = openssl(counter.port);
  const ask = async (...parts: (string | Buffer)[]) => {
    for (const part of parts) await connection.write(part);
    return String(await connection.line(1024, 10 * SECOND));
  };

  expect(await ask(`CRID ${key.length}\n`, key)).toBe(`IDCR ${fingerprint}`);

  const letter = gpg.run(['--encrypt', '--throw-keyids', '--recipient', fingerprint], 'Hello from gpg.');
  expect(await ask(`SEND ${fingerprint} ${letter.length}\n`)).toBe('ACCEPT');
  expect(await ask(`BODY ${letter.length}\n`, letter)).toBe('RCVD');

  const challenge = await ask(`LIST ${fingerprint}\n`);
  const response = gpg.run(['--detach-sign', '--local-user', fingerprint], challenge.replace('CHAL ', ''));
  const listed = await ask(`RESP ${response.length}\n`, response);
  expect(listed).toMatch(new RegExp(`^MSG [0-9a-f]{32} ${letter.length}$`));
  expect(String(await connection.line(1024, SECOND))).toBe('LSTD');

  const id = listed.split(' ')[1];
  expect(await ask(`RECV ${fingerprint} ${id}\n`)).toBe(`BODY ${letter.length}`);
  const received = await connection.block(letter.length, 10 * SECOND);
  expect(gpg.run(['--decrypt'], received).toString()).toBe('Hello from gpg.');
  expect(await ask(`RPRT ${fingerprint} ${id} 30 END\n`)).toBe(`PART 30 ${letter.length - 30}`);
  expect(await connection.block(letter.length - 30, SECOND)).toEqual(letter.subarray(30));
  expect(await ask(`DELE ${fingerprint} ${id}\n`)).toBe('DLTD');
  expect(await ask(`RECV ${fingerprint} ${id}\n`)).toBe('ERR NoMessage');
  end();
});
