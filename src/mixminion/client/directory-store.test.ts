// The directory of the day and the descriptors brought in by hand, over runs, nights and failures.
// spec: mixminion-client-api 3

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  descriptorOf,
  directoryText,
  identity,
  clock as noonish,
  TODAY,
} from '../../../test/support/mixminion-directory.ts';
import { startServer } from '../../../test/support/mmtp.ts';
import { openProxy } from '../../../test/support/socks.ts';
import { mixminionFile, mixminionVectors } from '../../../test/support/vectors.ts';
import { makeLinkCertificates } from '../mmtp/certificates.ts';
import {
  DirectoryStore,
  type DirectoryStoreOptions,
  generatePath,
  Mix3BadArgsError,
  Mix3BadSignatureError,
  Mix3NetworkError,
  Mix3NoSpaceError,
  VirtualClock,
} from './index.ts';

const DAY = 86_400_000;
const { now: vectorsNow } = mixminionVectors<{ now: number }>('descriptors');

let folder: string;
let server: Server;
let served: string | undefined;
let asked: number;
let clock: VirtualClock;
let warnings: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-directory-'));
  clock = new VirtualClock(noonish.now());
  served = directoryText([descriptorOf('Ash'), descriptorOf('Beech')]);
  asked = 0;
  warnings = [];
  server = createServer((_, response) => {
    asked += 1;
    if (served === undefined) response.writeHead(503).end();
    else response.end(gzipSync(served));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function open(changes: Partial<DirectoryStoreOptions> = {}): Promise<DirectoryStore> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { fingerprint } = identity.publicKey;
  return DirectoryStore.open({
    folder,
    server: { url },
    knownServers: [{ name: 'known', url, fingerprint }],
    clock,
    timeout: 10 * 60_000, // a clock that stands still never ends it
    onWarning: (text) => warnings.push(text),
    ...changes,
  });
}

const namesIn = (store: DirectoryStore) => store.getServers().map(({ nickname }) => nickname);

// spec: mixminion-directory 6.1
test('fetched once a day, and kept from run to run', async () => {
  const store = await open();
  expect([store.directory, store.isFresh, namesIn(store)]).toEqual([undefined, false, []]);
  expect(await store.update()).toBe(true);
  expect(await store.update()).toBe(false);
  expect(namesIn(store)).toEqual(['Ash', 'Beech']);

  const again = await open();
  expect([again.isFresh, again.find('ASH')?.nickname]).toEqual([true, 'Ash']);
  expect(await again.update()).toBe(false);
  expect(await again.update({ force: true })).toBe(true);
  expect(asked).toBe(2);
  await clock.advance(DAY);
  expect(again.isFresh).toBe(false);
  expect((await open()).isFresh).toBe(false);
});

test('kept fresh from midnight to midnight, and tried again an hour after a failure', async () => {
  const store = await open();
  const ending = new AbortController();
  store.keepFresh(ending.signal);
  const until = async (met: () => boolean) => {
    for (let tries = 0; !met() && tries < 500; tries += 1) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(met()).toBe(true);
  };
  await until(() => store.isFresh && clock.waiting > 0);
  served = undefined;
  await clock.advance(18 * 3_600_000); // to the next midnight
  await until(() => warnings.some((text) => text.includes('could not be updated')) && clock.waiting > 0);
  expect([asked, store.isFresh, namesIn(store)]).toEqual([2, false, ['Ash', 'Beech']]);
  served = directoryText([descriptorOf('Cherry')]);
  await clock.advance(3_600_000);
  await until(() => store.isFresh && clock.waiting > 0);
  expect(namesIn(store)).toEqual(['Cherry']);
  ending.abort();
  expect(clock.waiting).toBe(0);
});

test('a bad directory, a large one or none: the cached one stays', async () => {
  const store = await open();
  await store.update();
  served = served?.replace('Contact: op@', 'Contact: oq@');
  await expect(store.update({ force: true })).rejects.toThrow(Mix3BadSignatureError);
  served = undefined;
  await expect(store.update({ force: true })).rejects.toThrow(Mix3NetworkError);
  served = directoryText([descriptorOf('Ash')]);
  await expect((await open({ maxBytes: 100 })).update({ force: true })).rejects.toThrow(Mix3NoSpaceError);
  expect(namesIn(store)).toEqual(['Ash', 'Beech']);
  expect(namesIn(await open())).toEqual(['Ash', 'Beech']);
  expect(readdirSync(folder).sort()).toEqual(['dir.gz', 'imported']);
});

test('a damaged cache is told of and left out', async () => {
  writeFileSync(join(folder, 'dir.gz'), 'nothing of use');
  const store = await open();
  expect(store.directory).toBeUndefined();
  expect(warnings[0]).toContain('the cached directory is not used');
  expect(await store.update()).toBe(true);
});

// spec: mixminion-directory 9
test('imported descriptors are recommended, kept, merged and cleaned', async () => {
  const store = await open();
  await store.update();
  const elm = descriptorOf('Elm', { validUntil: TODAY + 2 * DAY });
  expect((await store.import(elm.text)).nickname).toBe('Elm');
  await store.import(elm.text); // once more changes nothing
  expect(readdirSync(join(folder, 'imported'))).toEqual(['Elm-20261122000000']);
  const later = descriptorOf('Ash', { published: TODAY + 1000, contact: 'new@example.org' });
  await store.import(later.text);

  const again = await open();
  expect(namesIn(again).sort()).toEqual(['Ash', 'Ash', 'Beech', 'Elm']);
  expect(again.isRecommended(elm)).toBe(true);
  expect(again.find('ash')?.fields.contact).toBe('new@example.org');
  expect(again.getServers({ nickname: 'elm', recommendedOnly: true })).toHaveLength(1);
  const { path1, path2 = [] } = generatePath({ directory: again, spec: 'Elm:Beech', clock });
  expect([...path1, ...path2].map(({ nickname }) => nickname)).toEqual(['Elm', 'Beech']);

  await clock.advance(3 * DAY);
  expect(await again.clean()).toBe(1);
  expect(readdirSync(join(folder, 'imported'))).toEqual(['Ash-20261122000001']);
});

// spec: mixminion-directory 2, 9
test('what is not imported', async () => {
  const store = await open();
  await store.update();
  const old = descriptorOf('Fir', { published: TODAY - 9 * DAY, validAfter: TODAY - 9 * DAY, validUntil: TODAY - DAY });
  await expect(store.import(old.text)).rejects.toThrow('is expired');
  const superseded = descriptorOf('Ash', { published: TODAY - 1000 });
  await expect(store.import(superseded.text)).rejects.toThrow('later descriptor');
  await expect(store.import(descriptorOf('Gum').text.replace('Contact: op', 'Contact: oq'))).rejects.toThrow(
    Mix3BadSignatureError,
  );
  // The Birch of the vectors has another identity key than ours.
  await store.import(descriptorOf('Birch').text);
  await clock.advance(vectorsNow * 1000 - clock.now() + 1000);
  await expect(store.import(mixminionFile('desc-Birch.txt'))).rejects.toThrow(Mix3BadArgsError);
  expect(readdirSync(join(folder, 'imported'))).toHaveLength(1);
});

test('an imported file that is damaged, or half written, is told of or passed over', async () => {
  const store = await open();
  await store.import(descriptorOf('Elm').text);
  writeFileSync(join(folder, 'imported', 'Fir-2'), 'nothing of use');
  writeFileSync(join(folder, 'imported', 'Gum-3.new'), 'half');
  expect(namesIn(await open())).toEqual(['Elm']);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain('Fir-2');
});

test('from the next server when the first has none', async () => {
  const { port } = server.address() as AddressInfo;
  const dead = { url: 'http://127.0.0.1:9/' };
  const good = { url: `http://127.0.0.1:${port}/` };
  const store = await open({ server: [dead, good] });
  expect(await store.update()).toBe(true);
  expect(warnings).toContainEqual(expect.stringContaining('http://127.0.0.1:9/ has no good directory'));
  served = undefined;
  await expect((await open({ server: [good, dead] })).update({ force: true })).rejects.toThrow(Mix3NetworkError);
  await expect((await open({ server: [] })).update({ force: true })).rejects.toThrow(Mix3BadArgsError);
});

test('through a SOCKS proxy, where an https server has to show a certificate that counts', async () => {
  await using proxy = await openProxy((server.address() as AddressInfo).port);
  const through = { proxy: `socks5://127.0.0.1:${proxy.port}` };
  const plain = await open({ server: { url: 'http://dir.invalid/' }, ...through });
  expect(await plain.update()).toBe(true);
  const { chain, key } = await makeLinkCertificates({ nickname: 'Dir', identity, now: Date.now() });
  const secure = await startServer({ cert: chain, key }, (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\n'));
  await using second = await openProxy(secure.port);
  const store = await open({ server: { url: 'https://dir.invalid/' }, proxy: `socks5://127.0.0.1:${second.port}` });
  await expect(store.update({ force: true })).rejects.toThrow(/certificate/);
  await secure.close();
  expect([...proxy.asked, ...second.asked].map(({ kind, host, port }) => [kind, host, port])).toEqual([
    [3, 'dir.invalid', 80],
    [3, 'dir.invalid', 443],
  ]);
  await expect((await open({ proxy: 'socks5://127.0.0.1:9' })).update({ force: true })).rejects.toThrow(
    Mix3NetworkError,
  );
});
