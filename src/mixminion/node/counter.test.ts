// The remailer as the office opens it: closed by default, whole when it is switched on, and still there after a restart.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { packetOver } from '../../../test/support/mix-packets.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { systemRandom } from '../../base/random.ts';
import { SECOND, systemClock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { fixedResolver } from '../../net/resolver.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../net/tls-identity.ts';
import type { House } from '../../post/counter.ts';
import { ServerDescriptor } from '../directory/descriptor.ts';
import { NYM_EXIT_TYPE } from '../directory/descriptor-fields.ts';
import type { ExitModule } from '../exit/module.ts';
import { Courier } from '../mmtp/courier.ts';
import { mix } from './counter.ts';
import { type ExitOffer, exitOffer, mixService } from './service.ts';
import { type MixSettings, settings as schema } from './settings.ts';

let post: TestPost;
let identity: TlsIdentity;
beforeEach(async () => {
  post = await openTestPost();
  identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
});
afterEach(async () => await post[Symbol.asyncDispose]());

const house = (): House => ({ post, identity, folder: post.folder, hostname: 'localhost' });
const enabled = (changes: Record<string, unknown> = {}): MixSettings =>
  schema.parse({
    enabled: true,
    nickname: 'Amber',
    contact: 'operator@example.org',
    listen: ['127.0.0.1:0'],
    advertised_port: 48099,
    pinging: { enabled: false },
    directory: { servers: [`${'A'.repeat(40)} http://127.0.0.1:9/directory/`] },
    ...changes,
  });
const complaints = (settings: MixSettings) => (mix.dangers?.(settings) ?? []).map(({ setting }) => setting);
const warnings = (settings: MixSettings) => (mix.warnings?.(settings) ?? []).map(({ setting }) => setting);

test('nobody becomes a remailer by accident', async () => {
  const settings = schema.parse({});
  expect([mix.listens(settings), complaints(settings), warnings(settings)]).toEqual([[], [], []]);
  const open = await mix.open(house(), settings);
  expect(open.listening).toEqual([]);
  expect(await readdir(post.folder)).not.toContain('keys');
  await open.close(0);
});

test('what is missing and what is weak is said', () => {
  expect(complaints(enabled())).toEqual([]);
  expect(warnings(enabled())).toEqual([]);
  expect(warnings(enabled({ directory: { publish: true } }))).toEqual([
    'mix.directory.servers',
    'mix.directory.publish',
  ]);
  expect(complaints(enabled({ nickname: '', contact: '', listen: [] }))).toEqual([
    'mix.nickname',
    'mix.contact',
    'mix.listen',
  ]);
  expect(complaints(enabled({ listen_compat: ['127.0.0.1:1'] }))).toEqual(['mix.listen_compat']);
  const open = { compat: 'mixminion-0.0.8', listen_compat: ['0.0.0.0:48098'] };
  expect([complaints(enabled(open)), warnings(enabled(open))]).toEqual([[], ['mix.listen_compat']]);
  expect(warnings(enabled({ mix_algorithm: 'timed', mix_interval: '1 min', stats_interval: '1 h' }))).toEqual([
    'mix.mix_algorithm',
    'mix.mix_interval',
    'mix.stats_interval',
  ]);
  expect(warnings(enabled({ mix_pool_minimum: 4 }))).toEqual(['mix.mix_pool_minimum']);
  expect(warnings(enabled({ retry: '1 hour' }))).toContain('mix.retry');
  const fragmented = enabled({ fragmented: { enabled: true } });
  expect(complaints(fragmented)).toEqual(['mix.fragmented.enabled']);
  expect(mix.dangers?.(fragmented, new Set(['mix', 'nym']))).toEqual([]);
});

// spec: mixminion-server 1, 8.2
test('takes packets, keeps them over a restart, and tells its figures', async () => {
  let open = await mix.open(house(), enabled());
  const keys = join(post.folder, 'keys');
  const [keyset = ''] = (await readdir(keys)).filter((name) => name.startsWith('key_'));
  const key = RsaPrivateKey.fromPem(await readFile(join(keys, keyset, 'mix.key'), 'latin1'));
  const { descriptor } = ServerDescriptor.parse(await readFile(join(keys, keyset, 'ServerDesc'), 'latin1'));
  expect(descriptor.fields).toMatchObject({
    nickname: 'Amber',
    secureConfiguration: true,
    incoming: { hostname: 'localhost', port: 48099 },
  });

  const hop = { host: '127.0.0.1', port: open.listening[0]?.at.port ?? 0, keyId: descriptor.keyId };
  const courier = new Courier({ clock: systemClock, random: systemRandom, resolver: fixedResolver({}) });
  const node = (name: string) => ({
    address: { form: 'host' as const, host: name, port: 1, keyId: Buffer.alloc(20, name) },
    packetKey: key.publicKey,
  });
  expect(await courier.send(hop, packetOver([node('amber'), node('birch')]))).toBe('received');
  await courier.close(SECOND);
  await open.close(SECOND);

  open = await mix.open(house(), enabled());
  const figures = await open.controls?.['stats']?.run({ ...house(), settings: enabled() }, {});
  expect(figures).toMatchObject({ packets: { accepted: 1, held: { pool: 1 } } });
  expect(JSON.stringify(figures)).toContain('ReceivedPacket: 1');
  expect((await stat(join(post.folder, 'work', 'packets'))).mode & 0o777).toBe(0o700);

  await open.reload(house(), enabled({ mix_algorithm: 'timed', mix_interval: '1 min' }));
  const again = ServerDescriptor.parse(await readFile(join(keys, keyset, 'ServerDesc'), 'latin1')).descriptor;
  expect(again.fields).toMatchObject({ secureConfiguration: false, whyInsecure: expect.stringContaining('Timed') });
  await open.reload(house(), schema.parse({}));
  expect(open.listening).toEqual([]);
  await open.close(0);
});

// spec: mixminion-server 3, 8.2
test('keys that may be in other hands are replaced while it runs: packets that wait stay, what is under the old keys is lost', async () => {
  const open = await mix.open(house(), enabled());
  const keys = join(post.folder, 'keys');
  const current = async () => {
    const key = RsaPrivateKey.fromPem(await readFile(join(keys, 'key_0001', 'mix.key'), 'latin1'));
    const { descriptor } = ServerDescriptor.parse(await readFile(join(keys, 'key_0001', 'ServerDesc'), 'latin1'));
    return { key, keyId: descriptor.keyId };
  };
  const send = async ({ key, keyId }: Awaited<ReturnType<typeof current>>) => {
    const courier = new Courier({ clock: systemClock, random: systemRandom, resolver: fixedResolver({}) });
    const hop = { host: '127.0.0.1', port: open.listening[0]?.at.port ?? 0, keyId };
    const node = (name: string) => ({
      address: { form: 'host' as const, host: name, port: 1, keyId: Buffer.alloc(20, name) },
      packetKey: key.publicKey,
    });
    return await courier
      .send(hop, packetOver([node('amber'), node('birch')]))
      .finally(async () => await courier.close(SECOND));
  };
  const ask = async (name: string, argument: unknown) =>
    await open.controls?.[name]?.run({ ...house(), settings: enabled() }, argument);

  const first = await current();
  expect(await send(first)).toBe('received');
  expect(await ask('keys.replace', { identity: false })).toMatchObject({ descriptors: 1, publishes: false });
  const second = await current();
  expect(second.keyId).toEqual(first.keyId);
  expect(second.key.publicKey.digest).not.toEqual(first.key.publicKey.digest);
  expect(await send(first)).toBe('received'); // it cannot be opened any more, which its sender does not learn
  expect(await send(second)).toBe('received');
  await vi.waitFor(async () => {
    expect(await ask('stats', {})).toMatchObject({ packets: { dropped: { undecryptable: 1 }, held: { pool: 2 } } });
  });

  const replaced = await ask('keys.replace', { identity: true });
  const third = await current();
  expect(replaced).toMatchObject({ before: first.keyId.toString('hex').toUpperCase(), descriptors: 1 });
  expect(third.keyId).not.toEqual(first.keyId);
  await expect(send(second)).rejects.toMatchObject({ code: 'mmtp-auth' }); // whom they knew is no more
  expect(await ask('stats', {})).toMatchObject({ packets: { held: { pool: 2 } } });
  await open.close(0);
});

// spec: mixminion-nym 9
test('names the exit of another counter in its descriptors, and finds ways for its replies when there is a directory', async () => {
  const module: ExitModule = {
    type: NYM_EXIT_TYPE,
    name: 'nym3',
    schedule: { waits: [1000], patience: 1000 },
    deliver: async () => ({ result: 'done', reason: 'done' }),
  };
  const offer: ExitOffer = {
    module,
    nym: { domain: 'nym.test', maximumSize: 1024 },
    mbox: { name: 'nymserver', address: 'nymserver@nym.test' },
  };
  post.services.provide(exitOffer, offer);
  const open = await mix.open(house(), enabled());
  const keys = join(post.folder, 'keys');
  const [keyset = ''] = (await readdir(keys)).filter((name) => name.startsWith('key_'));
  const text = await readFile(join(keys, keyset, 'ServerDesc'), 'latin1');
  expect(text).toContain('[Delivery/NYM3]\nVersion: 0.1\nExit-Type: 0xF033\nDomain: nym.test\nMaximum-Size: 1024\n');
  expect(ServerDescriptor.parse(text).descriptor).toMatchObject({ warnings: [], fields: { nym: offer.nym } });

  expect(() => post.services.get(mixService)?.replyWays(1, '*1')).toThrow('there is no list of remailers yet');
  await open.close(0);
  expect(post.services.get(mixService)).toBeUndefined();
});
