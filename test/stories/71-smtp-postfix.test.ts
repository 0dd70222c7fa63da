// A real mail server (Postfix) on the other side: it brings mail and gets some, over TLS, signed and checked; what cannot be delivered comes
// back as a notice, whichever of the two finds out.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { judgedBy } from '../support/judges.ts';
import { mayRunPostfix, openPostfix } from '../support/postfix.ts';
import { DOMAIN, eventually, openTestGateway } from '../support/smtp.ts';

const run = promisify(execFile);
const ALICE = `alice@${DOMAIN}`;
const options = { ...judgedBy('postfix', 'swaks'), timeout: 60_000 };

describe.runIf(mayRunPostfix || process.env['CI'] !== undefined)('Postfix', options, () => {
  test('brings mail over TLS, hears no, and tells its sender', async () => {
    await using gateway = await openTestGateway();
    await using postfix = await openPostfix({ domain: 'there.test', routes: { [DOMAIN]: gateway.ports.exchange } });
    const send = (to: string, ...more: string[]) =>
      run('swaks', ['--server', `127.0.0.1:${postfix.port}`, '--from', 'x@there.test', '--to', to, ...more]);
    const body = `A line.\n.\n..dots\n${'long '.repeat(190)}\n\u00fcber 7 bit`;
    await send(ALICE, '--body', body, '--header', 'Subject: from Postfix');
    const text = await eventually(() => gateway.owner.for(ALICE)[0]);
    expect(text).toContain('Subject: from Postfix');
    expect(text).toContain('\r\nA line.\r\n.\r\n..dots\r\n');
    expect(text).toContain('Authentication-Results: here.test;');
    expect(text).toContain('with ESMTPS id');

    await send(`nobody@${DOMAIN}`);
    const notice = await eventually(async () => (await postfix.mails())[0]);
    expect(notice).toContain('550 5.1.1 There is no such address here');
    expect(gateway.owner.kept).toHaveLength(1);
  });

  test('takes what is sent from here, and its no comes back here', async () => {
    const settings = [
      'smtpd_recipient_restrictions = check_recipient_access inline:{never@there.test=REJECT}, permit_mynetworks, reject',
    ];
    await using postfix = await openPostfix({ domain: 'there.test', settings });
    await using gateway = await openTestGateway({ settings: { routes: [`there.test=127.0.0.1:${postfix.port}`] } });
    const message = Buffer.from(`From: ${ALICE}\nTo: x@there.test\nSubject: from Postern\n\n.\n..\nbare\rreturn\n`);
    await gateway.post.outgoing.send({ from: ALICE, to: ['x@there.test', 'never@there.test'], message });
    const mail = await eventually(async () => (await postfix.mails())[0]);
    expect(mail).toContain('Subject: from Postern\n');
    expect(mail.endsWith('\n\n.\n..\nbare\nreturn\n')).toBe(true);
    expect(mail).toMatch(/^DKIM-Signature: /m);
    expect(mail).toMatch(/by mx\.there\.test \(Postfix\) with ESMTPS/);
    const notice = await eventually(() => gateway.owner.for(ALICE)[0]);
    expect(notice).toContain('Final-Recipient: rfc822; never@there.test');
    expect(notice).toContain('Status: 5.7.1');
    expect(notice).not.toContain('rfc822; x@there.test');
  });

  test('mail that is longer than the gateway takes is refused before it is sent', async () => {
    await using gateway = await openTestGateway({ settings: { message_size: '20 KiB' } });
    await using postfix = await openPostfix({ domain: 'there.test', routes: { [DOMAIN]: gateway.ports.exchange } });
    const to = ['--from', 'x@there.test', '--to', ALICE, '--body', 'a line of text\n'.repeat(3000)];
    await run('swaks', ['--server', `127.0.0.1:${postfix.port}`, ...to]);
    const notice = await eventually(async () => (await postfix.mails())[0]);
    expect(notice).toMatch(/message size \d+ exceeds size limit 20480/);
    expect(gateway.owner.kept).toEqual([]);
  });
});
