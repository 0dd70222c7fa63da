// A remailer and two directory servers over real HTTP: it announces itself to both, they vote at night, and in the morning it
// finds itself in a directory that both have signed.   spec: mixminion-directory 6, 7; mixminion-server 3, 7

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { identityOf, ownDescriptor } from '../../../../test/support/authorities.ts';
import { TODAY } from '../../../../test/support/mixminion-directory.ts';
import { openTestPost } from '../../../../test/support/post.ts';
import { DAY, HOUR, MINUTE, VirtualClock } from '../../../base/time.ts';
import { makeSelfSigned, makeTlsKey } from '../../../net/tls-identity.ts';
import { directory } from '../../authority/counter.ts';
import { settings as schema } from '../../authority/settings.ts';
import { NodeDirectory } from './node-directory.ts';
import { directorySettings, publishUrls } from './settings.ts';

const clock = new VirtualClock(TODAY + 12 * HOUR);
let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(() => stack.disposeAsync());

async function startAuthority(name: string) {
  const post = stack.use(await openTestPost(clock));
  const key = identityOf(name);
  await writeFile(join(post.folder, 'identity.key'), key.toPem());
  const identity = await makeSelfSigned('localhost', makeTlsKey(), clock.now());
  const house = { post, identity, folder: post.folder, hostname: 'localhost' };
  const given = { listen: ['127.0.0.1:0'] };
  const open = await directory.open(house, schema.parse(given));
  stack.defer(() => open.close(1000));
  const url = `http://127.0.0.1:${open.listening[0]?.at.port}/`;
  return {
    url,
    named: `${key.publicKey.fingerprint} ${url}`,
    approve: (server: string) =>
      directory.controls?.['vote']?.run(
        { post, settings: schema.parse(given), folder: post.folder, hostname: 'localhost' },
        { vote: 'yes', server },
      ),
    meet: (voter: string) => open.reload(house, schema.parse({ ...given, url, voters: [voter] })),
  };
}

/** Waits, in real time, until it holds; timers that fell due meanwhile fire. */
function until(holds: () => Promise<boolean>): Promise<void> {
  return vi.waitFor(
    async () => {
      await clock.advance(0);
      expect(await holds()).toBe(true);
    },
    { timeout: 8000, interval: 20 },
  );
}

test('announced in the evening, listed in the morning', async () => {
  const [one, two] = await Promise.all([startAuthority('Elder'), startAuthority('Fir')]);
  const both = async (name: string) =>
    (await Promise.all([one, two].map(({ url }) => fetch(`${url}${name}`)))).every(({ ok }) => ok);
  await until(() => both('current.gz'));
  await Promise.all([one.meet(two.named), two.meet(one.named)]);

  const folder = await mkdtemp(join(tmpdir(), 'postern-node-directory-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const settings = directorySettings.parse({ servers: [one.named, two.named], publish: true });
  const { text } = ownDescriptor('Amber');
  let waiting = true;
  const published = async () => {
    waiting = false;
  };
  const post = stack.use(await openTestPost(clock));
  const node = await NodeDirectory.open(post, {
    folder,
    servers: settings.servers,
    publishUrls: publishUrls(settings),
    unpublished: () => (waiting ? [{ text, published }] : []),
  });
  expect(await node.publish()).toBe(true);
  expect(waiting).toBe(false);
  for (const authority of [one, two]) await authority.approve('Amber');
  await expect(node.update()).resolves.toBe(false); // what each made alone has one signature

  await clock.advance(10 * HOUR + 31 * MINUTE);
  await until(() => both('2026-11-23-vote.gz'));
  await clock.advance(30 * MINUTE);
  await until(() => both('2026-11-23.gz'));
  await clock.advance(30 * MINUTE);
  const signatures = async ({ url }: { url: string }) =>
    (await (await fetch(`${url}2026-11-23`)).text()).split('[Signed-Directory]').length - 1;
  await until(async () => (await signatures(one)) + (await signatures(two)) === 4);
  await clock.advance(30 * MINUTE);
  await until(() => node.update());
  const found = node.current();
  expect(found?.lifespan.from).toEqual(new Date(TODAY + DAY));
  expect(found?.signers().length).toBe(2);
  expect(found?.getServers({ recommendedOnly: true }).map((server) => server.text)).toEqual([text]);
});
