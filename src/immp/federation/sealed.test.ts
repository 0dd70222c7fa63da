// Mail sealed to the domain that it is for: servers on the way read nothing, and cannot put anything in its place.   spec: immp 1.9, 2.8

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../../../test/support/cmtp-office.ts';
import { openGpg } from '../../../test/support/gpg.ts';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { judgedBy } from '../../../test/support/judges.ts';
import { Pins } from '../../post/pins.ts';
import { canonicalJson } from './canonical-json.ts';
import { OctetReader } from './octet-reader.ts';
import { makeKey, readOwnKey } from './openpgp.ts';
import { readOuter, withStations, writeOuter } from './sealed.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

/** Alice's mail for there.test goes through proxy.test. */
async function threeDomains(): Promise<[ImmpDomain, ImmpDomain, ImmpDomain]> {
  const domains = await openImmpDomains(stack, ['here.test', 'there.test', 'proxy.test']);
  const [here, there, proxy] = domains;
  await here.account('alice');
  await there.account('bob');
  await here.use({ ...hostsOf(domains), routes: ['there.test=proxy.test'] });
  await proxy.use({ ...hostsOf(domains), relay_for: ['there.test'] });
  return [here, there, proxy];
}

const arrival = (at: ImmpDomain, name: string) => eventually(async () => (await at.index(name))[0]);

describe('through a proxy that is not trusted', () => {
  test('a message arrives as it was, from whom it is, and the proxy saw two domains', async () => {
    const [here, there, proxy] = await threeDomains();
    const kept: Buffer[] = [];
    const { messages } = proxy.post.store;
    const receive = messages.receive.bind(messages);
    messages.receive = async (mailbox, chunks, size) => {
      const all = await Array.fromAsync(chunks);
      kept.push(Buffer.concat(all));
      return receive(
        mailbox,
        (async function* () {
          yield* all;
        })(),
        size,
      );
    };
    const alice = here.as('alice');
    await alice.ask('DELIVER TO bob+family@there.test SUBJECT Tonight +MULTIPART +SECURE');
    await alice.data('DATA words TYPE text/plain LENGTH 8 +CONTENT', 'At nine.');
    const large = Buffer.alloc(400_000, 'quite compressible? no matter');
    await alice.data(`DATA map.png TYPE image/png LENGTH ${large.length}`, large);
    expect(await alice.ask('DONE')).toEqual([expect.stringMatching(/^274 /)]);

    const row = await arrival(there, 'bob');
    expect(row).toMatchObject({
      from: 'alice@here.test',
      origin: 'here.test',
      to: 'bob+family@there.test',
      subject: 'Tonight',
    });
    const { envelope, parts } = await there.open('bob', row['uuid']);
    expect(parts[0]?.data).toBe('At nine.');
    expect(row['parts']).toMatchObject([{ name: 'words' }, { name: 'map.png', length: large.length }]);
    expect(envelope).toMatchObject({
      secure: true,
      'received-from': { domain: 'proxy.test' },
      'received-via': [{ domain: 'here.test' }, { domain: 'proxy.test' }],
    });
    expect(kept).toHaveLength(1);
    const seen = kept[0]?.toString('latin1') ?? '';
    expect(seen).toContain('here.test');
    expect(seen).not.toMatch(/alice|bob[+@]|family|Tonight|At nine|map\.png/);
  });

  test('what cannot be delivered comes back from its destination', async () => {
    const [here] = await threeDomains();
    expect(await here.as('alice').deliver('nobody@there.test', 'Hello?')).toMatch(/^274 /);
    expect(await arrival(here, 'alice')).toMatchObject({
      from: 'mailer-daemon@there.test',
      subject: 'Not delivered: nobody@there.test',
    });
  });

  test('nothing goes there when the destination has another OpenPGP key than before', async () => {
    const [here, there] = await threeDomains();
    await here.account('admin');
    await here.federation.far.pins.forget('there.test');
    await new Pins(here.post, 'immp-openpgp').check('there.test', Buffer.alloc(20, 1));
    expect(await here.as('alice').deliver('bob@there.test', 'Hello?')).toMatch(/^274 /);
    expect(await arrival(here, 'admin')).toMatchObject({ subject: 'there.test has another OpenPGP key' });
    expect(await there.index('bob')).toEqual([]);
    expect(await here.post.store.queues.count('immp-out')).toBe(1);
  });
});

describe('a sealed message', () => {
  // What alice's server made of a message, caught at the proxy, changed, and brought by another server.
  test('is the same message whoever brings it again, and none when anything in it was changed', async () => {
    const [here, there, proxy] = await threeDomains();
    const { promise, resolve } = Promise.withResolvers<readonly [Buffer, Buffer]>();
    const carrier = proxy.federation;
    const take = carrier.takeSealed.bind(carrier);
    carrier.takeSealed = async (arrival) => {
      resolve([arrival.envelope, Buffer.concat(await Array.fromAsync(arrival.sealed.chunks()))]);
      return take(arrival);
    };
    await here.as('alice').deliver('bob@there.test', 'At nine.', '-FROM');
    await arrival(there, 'bob');
    const [outer, sealed] = await promise;

    const peer = there.asDomain('else.test');
    const bring = async (envelope: Buffer, content = sealed) => {
      await peer.ask('DELIVER TO there.test +MULTIPART');
      await peer.data(`DATA envelope TYPE application/vnd.immp.envelope+json LENGTH ${envelope.length}`, envelope);
      await peer.data(`DATA sealed TYPE application/pgp-encrypted LENGTH ${content.length} +CONTENT`, content);
      return (await peer.ask('DONE'))[0]?.slice(0, 3);
    };
    const changed = (member: string, value: unknown) => {
      const { envelope } = JSON.parse(outer.toString());
      return Buffer.from(JSON.stringify({ envelope: { ...envelope, [member]: value } }));
    };
    expect(await bring(outer)).toBe('273');
    expect(await bring(changed('received-via', []))).toBe('273');
    expect(await bring(changed('immp-origin', 'proxy.test'))).toBe('403');
    expect(await bring(changed('immp-origin', 'there.test'))).toBe('403');
    expect(await bring(changed('immp-recipient', ['AAAA']))).toBe('403');
    expect(await bring(changed('immp-destination', 'x.test'))).toBe('403');
    expect(await bring(changed('immp-more', 1))).toBe('403');
    expect(await bring(outer, Buffer.concat([sealed, Buffer.alloc(1)]))).toBe('471');
    expect(await bring(changed('immp-sealed', '0'.repeat(64)))).toBe('471');
    expect(await bring(Buffer.from('{}'))).toBe('471');
    expect(await there.index('bob')).toHaveLength(1);
  });
});

describe('KEY REQUEST', () => {
  // spec: immp 2.11
  test('shows the key of the domain, of an account that has one, and of domains elsewhere to users', async () => {
    const [here, there] = await threeDomains();
    const alice = here.as('alice');
    const reply = await alice.ask('KEY REQUEST here.test');
    expect(reply[0]).toMatch(/^290 Public key for here\.test \(fingerprint 0x[0-9a-f]{40}\):$/);
    expect(reply[1]).toBe('291- -----BEGIN PGP PUBLIC KEY BLOCK-----');
    expect(reply.at(-1)).toBe('291 ');
    expect(await alice.ask('KEY REQUEST alice@here.test')).toEqual(['404 Not found']);
    expect(await alice.ask('KEY REQUEST nobody@here.test')).toEqual(['404 Not found']);
    const key = reply
      .slice(1, -1)
      .map((line) => line.slice('291- '.length))
      .join('\n');
    await there.room.accounts.change('bob@there.test', () => ({ pubkey: Buffer.from(key).toString('base64') }));
    const [head, ...lines] = await alice.ask('KEY REQUEST bob@there.test');
    expect(head).toBe(reply[0]?.replace('here.test', 'bob@there.test'));
    expect(lines).toEqual(reply.slice(1));
    const peer = here.asDomain('else.test');
    expect((await peer.ask('KEY REQUEST here.test')).length).toBe(reply.length);
    expect(await peer.ask('KEY REQUEST there.test')).toEqual(['404 Not found']);
  });

  test('GnuPG takes the key, and finds the signature of an envelope good', judgedBy('gpg'), async () => {
    const now = Date.now();
    const own = await readOwnKey(await makeKey('mailer-daemon@here.test', now));
    const key = own.toPublic();
    const about = { origin: 'here.test', destination: 'there.test', to: 'bob@there.test', id: 'x', via: [] };
    const octets = await writeOuter({ ...about, digest: '0'.repeat(64), key, own, now });
    const outer = readOuter(withStations(octets, [{ domain: 'proxy.test', timestamp: '2026-11-22T10:00:00Z' }]));
    const gpg = openGpg(now + 1000);
    stack.defer(() => gpg.close());
    gpg.run(['--import'], key.armor());
    const signature = gpg.file('signature.asc', outer?.signature ?? '');
    expect(gpg.accepts(['--verify', signature, gpg.file('signed.json', outer?.signed ?? '')])).toBe(true);
    expect(gpg.accepts(['--verify', signature, gpg.file('other.json', '{}')])).toBe(false);
    gpg.run(['--import'], own.armor());
    expect(gpg.run(['--decrypt'], outer?.recipient).toString()).toBe('{"to":"bob@there.test","id":"x"}');
  });
});

// RFC 8785, 3.2.2 and 3.2.3
test('canonical JSON is the RFC’s', () => {
  const names = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew',
    '1': 'One',
    '\ud83d\ude00': 'Face',
  };
  expect(canonicalJson({ ...names, '\u0080': 'Control', '\u00f6': 'O' })).toBe(
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"O","€":"Euro Sign","😀":"Face","\ufb33":"Hebrew"}',
  );
  expect(canonicalJson({ numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27], literals: [null, true, false] })).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}',
  );
});

test('octets in chunks of any size are read in pieces of any other', async () => {
  const source = Buffer.from('first\nsecond\nand the rest');
  for (let size = 1; size <= source.length; size += 1) {
    const chunks = async function* () {
      for (let at = 0; at < source.length; at += size) yield source.subarray(at, at + size);
    };
    const reader = new OctetReader(chunks());
    expect(String(await reader.line(10))).toBe('first');
    expect(await reader.line(3)).toBeUndefined();
    expect(String(await reader.line(100))).toBe('second');
    expect(Buffer.concat(await Array.fromAsync(reader.take(7))).toString()).toBe('and the');
    expect(await reader.ended()).toBe(false);
    expect(Buffer.concat(await Array.fromAsync(reader.take(100))).toString()).toBe(' rest');
    expect(await reader.ended()).toBe(true);
    expect(await reader.line(10)).toBeUndefined();
  }
});
