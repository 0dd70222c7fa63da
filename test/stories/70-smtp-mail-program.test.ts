// An ordinary mail program (swaks) speaks to the gateway: it brings mail for people here, and sends for one of them over each of the two
// ports for users. RFC 5321, 3207, 4954, 6409, 8314

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { judgedBy } from '../support/judges.ts';
import { openMailServer } from '../support/mail-server.ts';
import { DOMAIN, eventually, openTestGateway } from '../support/smtp.ts';

const run = promisify(execFile);
const ALICE = `alice@${DOMAIN}`;

async function swaks(port: number, ...args: string[]): Promise<{ ok: boolean; said: string }> {
  const all = ['--server', '127.0.0.1', '--port', String(port), '--helo', 'pc.test', '--timeout', '10', ...args];
  return run('swaks', all).then(
    ({ stdout }) => ({ ok: true, said: stdout }),
    (error: { stdout: string; stderr: string }) => ({ ok: false, said: error.stdout + error.stderr }),
  );
}

describe('a mail program', judgedBy('swaks'), () => {
  test('brings mail for people here, with and without TLS, and for nobody else', async () => {
    await using gateway = await openTestGateway();
    const { exchange } = gateway.ports;
    const about = ['--from', 'x@there.test', '--body', 'Hello Alice.'];
    expect(await swaks(exchange, '--to', ALICE, ...about)).toMatchObject({ ok: true });
    expect(await swaks(exchange, '--to', ALICE, '--tls', ...about)).toMatchObject({ ok: true });
    expect((await swaks(exchange, '--to', `nobody@${DOMAIN}`, ...about)).said).toContain('550 5.1.1');
    expect((await swaks(exchange, '--to', 'y@elsewhere.test', ...about)).said).toContain('550 5.7.1');
    expect((await swaks(exchange, '--to', ALICE, '--auth', '--au', ALICE, '--ap', 'secret', ...about)).ok).toBe(false);
    const [plain = '', secure = ''] = gateway.owner.for(ALICE);
    expect(plain).toContain('Hello Alice.');
    expect(plain).toContain('with ESMTP id');
    expect(secure).toContain('with ESMTPS id');
  });

  test('sends for a user who proves who he is, to people here and elsewhere', async () => {
    await using far = await openMailServer();
    await using gateway = await openTestGateway({
      settings: { routes: [`there.test=127.0.0.1:${far.endpoint.port}`] },
    });
    const { submission, submissions } = gateway.ports;
    const login = ['--auth-user', ALICE, '--auth-password', 'secret', '--from', ALICE];
    const both = ['--to', `bob@${DOMAIN},x@there.test`, '--body', 'Hello both.'];
    expect(await swaks(submission, '--tls', '--auth', 'PLAIN', ...login, ...both)).toMatchObject({ ok: true });
    expect(await swaks(submissions, '--tls-on-connect', '--auth', 'LOGIN', ...login, ...both)).toMatchObject({
      ok: true,
    });
    await eventually(() =>
      far.mails.length === 2 && gateway.owner.for(`bob@${DOMAIN}`).length === 2 ? true : undefined,
    );
    expect(far.mails[0]).toMatchObject({ from: ALICE, to: ['x@there.test'] });
    expect(far.mails[0]?.message.toString()).toMatch(/^DKIM-Signature: /);
    expect(far.mails[0]?.message.toString()).not.toContain('pc.test');

    expect((await swaks(submission, '--auth', 'PLAIN', ...login, ...both)).ok).toBe(false); // not in the clear
    const wrong = ['--auth-user', ALICE, '--auth-password', 'guess', '--from', ALICE];
    expect((await swaks(submissions, '--tls-on-connect', '--auth', ...wrong, ...both)).said).toContain('535');
    const other = ['--auth-user', ALICE, '--auth-password', 'secret', '--from', `bob@${DOMAIN}`];
    expect((await swaks(submissions, '--tls-on-connect', '--auth', ...other, ...both)).said).toContain('553 5.7.1');
    expect(far.mails).toHaveLength(2);
  });
});
