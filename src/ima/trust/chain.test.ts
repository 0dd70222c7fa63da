// Good and bad certificates, judged by us and by OpenSSL.   spec: ima 2.4, 3

import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { judgedBy } from '../../../test/support/judges.ts';
import { systemRandom } from '../../base/random.ts';
import { DAY } from '../../base/time.ts';
import { type Issued, issue, makeRoot } from './authority.ts';
import { type ClientUse, checkChain, matchesHost } from './chain.ts';
import { extensionsOf } from './extensions.ts';
import { certificatesIn, loadRoots, Roots } from './roots.ts';

const now = Date.now();
const making = { random: systemRandom, now };
const folder = mkdtempSync(join(tmpdir(), 'postern-chain-'));
afterAll(() => rmSync(folder, { recursive: true }));

const hosts = ['a.test'];
const purposes = ['serverAuth', 'clientAuth'] as const;
const root = await makeRoot('Trusted', making);
const stranger = await makeRoot('Unknown', making);
const alone = await makeRoot('a.test', making, { hosts, purposes: ['serverAuth'], authority: {} });
const between = await issue(root, { commonName: 'Between', authority: { pathLength: 0 } }, making);
const below = await issue(between, { commonName: 'Below', authority: {} }, making);
const noAuthority = await issue(root, { hosts: ['b.test'], purposes }, making);
const onlyClients = await issue(root, { commonName: 'For clients', purposes: ['clientAuth'], authority: {} }, making);
// permittedSubtrees: dNSName a.test
const constraint = Buffer.from('300ca00a30088206612e74657374', 'hex');
const constrained = await issue(
  root,
  { commonName: 'Names', authority: {}, extensions: [{ oid: '2.5.29.30', critical: true, value: constraint }] },
  making,
);
const unknown = [{ oid: '1.3.6.1.4.1.99999.1', critical: true, value: Buffer.from('0500', 'hex') }];
const roots = new Roots(certificatesIn(root.certificate));
const rootFile = write('roots.pem', root.certificate);

interface Case {
  readonly what: string;
  readonly issued: Issued;
  /** Sent along though it is not in the chain. */
  readonly sent?: readonly Issued[];
  readonly server: boolean;
  readonly client: boolean;
  /** With `client_eku = clientAuth`. */
  readonly strict: boolean;
  readonly host?: boolean;
  /** False where we refuse what OpenSSL understands. */
  readonly judge?: false;
}

const good = { server: true, client: true, strict: true };
const bad = { server: false, client: false, strict: false };
const make = (request: Parameters<typeof issue>[1], issuer = root) =>
  issue(issuer, { hosts, purposes, ...request }, making);

const cases: readonly Case[] = [
  { what: 'both purposes', issued: await make({}), ...good },
  { what: 'no purpose stated', issued: await make({ purposes: [] }), ...good },
  { what: 'clientAuth only', issued: await make({ purposes: ['clientAuth'] }), ...good, server: false },
  { what: 'serverAuth only', issued: await make({ purposes: ['serverAuth'] }), ...good, strict: false },
  { what: 'through another authority', issued: await make({}, between), ...good },
  { what: 'the other authority not sent', issued: leafOnly(await make({}, between)), ...bad },
  { what: 'expired', issued: await make({ from: now - 9 * DAY, until: now - DAY }), ...bad },
  { what: 'not yet valid', issued: await make({ from: now + DAY }), ...bad },
  { what: 'self-signed', issued: alone, ...bad },
  { what: 'of an unknown authority', issued: await make({}, stranger), ...bad },
  {
    what: 'of an unknown authority whose root comes along',
    issued: await make({}, stranger),
    sent: [stranger],
    ...bad,
  },
  { what: 'one authority too many', issued: await make({}, below), ...bad },
  { what: 'issued by one that is no authority', issued: await make({}, noAuthority), ...bad },
  { what: 'under an authority for clients only', issued: await make({}, onlyClients), ...good, server: false },
  { what: 'a critical extension that nobody knows', issued: await make({ extensions: unknown }), ...bad },
  { what: 'under constrained names', issued: await make({}, constrained), ...bad, judge: false },
  { what: 'another host', issued: await make({ hosts: ['b.test'] }), ...good, host: false },
  { what: 'a wildcard', issued: await make({ hosts: ['*.a.test'] }), ...good, host: false },
  { what: 'the common name alone', issued: await make({ hosts: [], commonName: 'a.test' }), ...good },
  {
    what: 'the common name beside another host',
    issued: await make({ hosts: ['b.test'], commonName: 'a.test' }),
    ...good,
    host: false,
  },
  { what: 'an address for a name', issued: await make({ hosts: [], addresses: ['192.0.2.1'] }), ...good, host: false },
];

function leafOnly(issued: Issued): Issued {
  return { ...issued, certificate: new X509Certificate(issued.certificate).toString() };
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function accepted({ issued, sent = [] }: Case, side: 'server' | 'client', clientUse: ClientUse): boolean {
  const [leaf, ...others] = [issued, ...sent].flatMap(({ certificate }) => certificatesIn(certificate));
  if (leaf === undefined) throw new Error('no certificate');
  try {
    return checkChain(leaf, others, { roots, now, side, clientUse }).length > 0;
  } catch (error) {
    expect(error).toMatchObject({ name: 'ImaError', code: 'certificate' });
    return false;
  }
}

function judged({ issued, sent = [] }: Case, purpose: 'sslserver' | 'sslclient'): boolean {
  const pem = [issued, ...sent].map(({ certificate }) => certificate).join('\n');
  const args = ['verify', '-purpose', purpose, '-CAfile', rootFile, '-untrusted', write('chain.pem', pem)];
  return spawnSync('openssl', [...args, write('leaf.pem', leafOnly(issued).certificate)]).status === 0;
}

describe.each(cases)('$what', (one) => {
  test('is judged as it should be', () => {
    expect({
      server: accepted(one, 'server', 'any'),
      client: accepted(one, 'client', 'any'),
      strict: accepted(one, 'client', 'clientAuth'),
      host: matchesHost(new X509Certificate(one.issued.certificate), 'a.test'),
    }).toEqual({ server: one.server, client: one.client, strict: one.strict, host: one.host ?? true });
  });

  test('and OpenSSL says the same', judgedBy('openssl'), () => {
    if (one.judge === false) return expect(judged(one, 'sslserver')).toBe(true);
    expect([judged(one, 'sslserver'), judged(one, 'sslclient')]).toEqual([one.server, one.strict]);
  });
});

test('a wildcard stands for one label', async () => {
  const leaf = new X509Certificate((await make({ hosts: ['*.a.test'] })).certificate);
  expect(['x.a.test', 'X.A.TEST', 'x.y.a.test', 'a.test'].map((host) => matchesHost(leaf, host))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test('extensions are read as Node reads them, where it does', async () => {
  for (const { issued } of cases) {
    const certificate = new X509Certificate(issued.certificate);
    expect(extensionsOf(certificate.raw).ca).toBe(certificate.ca);
  }
  expect(extensionsOf(new X509Certificate(between.certificate).raw)).toMatchObject({ ca: true, pathLength: 0 });
  const octets = new X509Certificate(root.certificate).raw;
  expect(() => extensionsOf(octets.subarray(0, -5))).toThrow('well-formed');
});

test('the system’s roots, ours, or ours alone', async () => {
  const extraCa = [rootFile];
  expect((await loadRoots({ extraCa, onlyExtraCa: true })).size).toBe(1);
  expect((await loadRoots({ extraCa: [...extraCa, ...extraCa], onlyExtraCa: true })).size).toBe(1);
  await expect(loadRoots({ extraCa: [], onlyExtraCa: true })).rejects.toMatchObject({ code: 'certificate' });
  await expect(loadRoots({ extraCa: [join(folder, 'none')], onlyExtraCa: true })).rejects.toMatchObject({
    code: 'certificate',
  });
});
