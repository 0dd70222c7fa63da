import { generateKeyPairSync } from 'node:crypto';
import { sealMessage } from 'mailauth';
import { expect, test } from 'vitest';
import { DOMAIN, openTestGateway, RawPeer } from '../../../test/support/smtp.ts';
import { fixedResolver, type NameRecords } from '../../net/resolver.ts';
import { type DkimKey, dkimRecord, signMail } from '../out/dkim.ts';
import { checkSender } from './check.ts';

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key: DkimKey = {
  selector: 'k',
  privateKey: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  publicKey: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
};
const recordOf = (domain: string) => dkimRecord(key, domain);
const names: Record<string, NameRecords> = {
  'there.test': { txt: ['v=spf1 ip4:192.0.2.1 mx -all'], mx: [{ host: 'mx.there.test', priority: 1 }] },
  'mx.there.test': { addresses: ['192.0.2.9', '2001:db8::9'] },
  '_dmarc.there.test': { txt: ['v=DMARC1; p=reject'] },
  [recordOf('there.test').name]: { txt: [recordOf('there.test').value] },
  [recordOf('list.test').name]: { txt: [recordOf('list.test').value] },
  'away.test': { fails: true },
};
const plain = Buffer.from('From: x@there.test\r\nTo: alice@here.test\r\nSubject: hi\r\n\r\nHello.\r\n');
const signed = await signMail(plain, key, ['there.test'], Date.now());

async function check(message: Buffer, from: string, address: string) {
  const peer = { address, hello: 'out.there.test' };
  const { fields, reject } = await checkSender(message, from, peer, 'here.test', fixedResolver(names));
  const text = fields.toString();
  expect(text).toMatch(/^Authentication-Results: here\.test;\r\n/);
  expect(text.endsWith('\r\n')).toBe(true);
  const [, dkim] = /\bdkim=(\w+)/.exec(text) ?? [];
  const [, spf] = /\bspf=(\w+)/.exec(text) ?? [];
  const [, dmarc] = /\bdmarc=(\w+)/.exec(text) ?? [];
  const [, arc] = /\barc=(\w+)/.exec(text) ?? [];
  return { dkim, spf, dmarc, arc, reject };
}

test.each([
  [
    'signed, from its own server',
    signed,
    'x@there.test',
    '192.0.2.1',
    { dkim: 'pass', spf: 'pass', dmarc: 'pass', reject: false },
  ],
  [
    'signed, passed on by another',
    signed,
    'x@there.test',
    '192.0.2.77',
    { dkim: 'pass', spf: 'fail', dmarc: 'pass', reject: false },
  ],
  [
    'from its MX over IPv6, unsigned',
    plain,
    'x@there.test',
    '2001:db8::9',
    { dkim: 'none', spf: 'pass', dmarc: 'pass', reject: false },
  ],
  ['forged', plain, 'x@there.test', '192.0.2.77', { dkim: 'none', spf: 'fail', dmarc: 'fail', reject: true }],
  [
    'changed on its way',
    Buffer.from(signed.toString().replace('Hello', 'Hullo')),
    'x@there.test',
    '192.0.2.77',
    { dkim: 'fail', dmarc: 'fail', reject: true },
  ],
  ['a notice, from nobody', signed, '', '192.0.2.1', { dkim: 'pass', spf: 'none', dmarc: 'pass', reject: false }],
  ['a name service that is away', plain, 'x@away.test', '192.0.2.1', { spf: 'temperror' }],
])('%s', async (_, message, from, address, expected) => {
  expect(await check(message, from, address)).toMatchObject(expected);
});

test('a chain of servers that vouch is looked at', async () => {
  const seal = {
    signingDomain: 'list.test',
    selector: 'k',
    privateKey: key.privateKey,
    cv: 'none',
    authResults: 'list.test; dkim=pass',
  };
  const headers = await sealMessage(plain, seal);
  expect(await check(Buffer.concat([Buffer.from(headers), plain]), 'x@list.test', '192.0.2.77')).toMatchObject({
    arc: 'pass',
  });
});

test('a domain that asks to reject what is not its own is obeyed, or recorded', async () => {
  const records = { ...names, 'there.test': { txt: ['v=spf1 -all'] } };
  for (const [dmarc, answer] of [
    ['obey', /^550 5\.7\.1/],
    ['record', /^250/],
  ] as const) {
    await using gateway = await openTestGateway({ names: records, settings: { dmarc } });
    using peer = await RawPeer.open(gateway.ports.exchange);
    await peer.say('EHLO there.test');
    expect(await peer.mail('x@there.test', [`alice@${DOMAIN}`], plain.toString())).toMatch(answer);
  }
});
