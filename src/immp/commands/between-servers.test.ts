// What only servers say to each other, typed by hand: the answers that no other test sees as they stand on the wire.   spec: immp 2.13

import { beforeEach, expect, test } from 'vitest';
import { ImmpTypist } from '../../../test/support/immp.ts';
import { hostsOf, type ImmpDomain, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { toHex } from '../../base/bytes.ts';

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
  return () => stack.disposeAsync();
});

// spec: immp 2.6
test('a cookie is good for one question, by the domain that it was made for', async () => {
  const [here] = await openImmpDomains(stack, ['here.test']);
  const cookie = here.federation.far.cookies.make('there.test');
  const asking = new ImmpTypist(here.room, { state: 'unauthenticated' });
  expect(await asking.ask(`AUTH VERIFY ${cookie} elsewhere.test`)).toEqual(['411 Cookie unknown']);
  expect(await asking.ask(`AUTH VERIFY ${cookie} there.test`)).toEqual(['211 Cookie valid for there.test']);
  expect(await asking.ask(`AUTH VERIFY ${cookie} there.test`)).toEqual(['411 Cookie unknown']);
  expect(await asking.ask('DELIVER TO alice@here.test')).toEqual(['401 Authenticate first']); // it changes no state
});

// spec: immp 2.4
test('whoever asks hears of the next key, if there is one', async () => {
  const [here] = await openImmpDomains(stack, ['here.test']);
  const asking = new ImmpTypist(here.room, { state: 'unauthenticated' });
  expect(await asking.ask('KEY NEXT')).toEqual(['404 Not found']);
  here.show({ ...here.room.identity, next: Buffer.alloc(32, 0xab) });
  expect(await asking.ask('KEY NEXT')).toEqual([`292 next=${toHex(Buffer.alloc(32, 0xab))}`]);
});

// spec: immp 2.8, 2.13
test('what is sealed waits while its origin shows another key than the known one', async () => {
  const domains = await openImmpDomains(stack, ['here.test', 'there.test', 'proxy.test']);
  const [here, there, proxy] = domains;
  await here.account('alice');
  await there.account('bob');
  await here.use({ ...hostsOf(domains), routes: ['there.test=proxy.test'] });
  await proxy.use({ ...hostsOf(domains), relay_for: ['there.test'] });
  const [envelope, sealed] = await sealedOf(here, proxy);
  await there.federation.far.pins.replace('here.test', Buffer.alloc(32, 1), 'operator');
  const peer = there.asDomain('proxy.test');
  await peer.ask('DELIVER TO there.test +MULTIPART');
  await peer.data(`DATA envelope TYPE application/vnd.immp.envelope+json LENGTH ${envelope.length}`, envelope);
  await peer.data(`DATA sealed TYPE application/pgp-encrypted LENGTH ${sealed.length} +CONTENT`, sealed);
  expect(await peer.ask('DONE')).toEqual(['421 Secure delivery refused: the fingerprint is another']);
  expect(await there.index('bob')).toEqual([]);
});

/** What Alice's server makes of a letter to Bob, kept back at the proxy. */
async function sealedOf(here: ImmpDomain, proxy: ImmpDomain): Promise<readonly [envelope: Buffer, sealed: Buffer]> {
  const { promise, resolve } = Promise.withResolvers<readonly [Buffer, Buffer]>();
  proxy.federation.takeSealed = async ({ envelope, sealed }) => {
    resolve([envelope, Buffer.concat(await Array.fromAsync(sealed.chunks()))]);
    return 'queued';
  };
  await here.as('alice').deliver('bob@there.test', 'At nine.');
  return promise;
}
