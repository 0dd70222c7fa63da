// A directory server as the office opens it, over real HTTP: what old remailers post and old clients fetch, and what strangers
// try.   spec: mixminion-directory 4, 6

import { generateKeyPairSync } from 'node:crypto';
import { rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { identityOf, ownDescriptor } from '../../../test/support/authorities.ts';
import { TODAY } from '../../../test/support/mixminion-directory.ts';
import { openTestPost, type TestPost } from '../../../test/support/post.ts';
import { type Clock, DAY, HOUR, systemClock } from '../../base/time.ts';
import { makeSelfSigned, makeTlsKey } from '../../net/tls-identity.ts';
import type { House, OpenCounter } from '../../post/counter.ts';
import { ServerDescriptor } from '../directory/descriptor.ts';
import { Directory } from '../directory/directory.ts';
import { downloadDirectory } from '../directory/download.ts';
import { publishDescriptor } from '../directory/publish.ts';

import { directory } from './counter.ts';
import { type AuthoritySettings, settings as schema } from './settings.ts';

/** The time of the day stands, timers run. */
const clock: Clock = { now: () => TODAY + 12 * HOUR, timer: (ms, wake) => systemClock.timer(ms, wake) };
const key = identityOf('Elder');
const known = [{ name: 'here', url: '', fingerprint: key.publicKey.fingerprint }];

let post: TestPost;
let house: House;
let open: OpenCounter<AuthoritySettings>;
let base: string;

const identity = await makeSelfSigned('localhost', makeTlsKey(), Date.now());

async function start(changes: Record<string, unknown> = {}): Promise<void> {
  post = await openTestPost(clock);
  house = { post, identity, folder: post.folder, hostname: 'localhost' };
  await writeFile(join(post.folder, 'identity.key'), key.toPem());
  const settings = schema.parse({ listen: ['127.0.0.1:0'], ...changes });
  open = await directory.open(house, settings);
  base = `http://127.0.0.1:${open.listening[0]?.at.port}/`;
  while (open.listening.length > 0 && (await ask(open, 'status', null)).day === null) await new Promise(setImmediate);
}

async function stop(): Promise<void> {
  await open.close(1000);
  await post[Symbol.asyncDispose]();
}

/** Asks as the operator does. */
async function ask(of: Pick<OpenCounter<AuthoritySettings>, 'controls'>, name: string, argument: unknown) {
  const settings = schema.parse({});
  const found = of.controls?.[name];
  return (await found?.run({ post, settings, folder: post.folder, hostname: 'localhost' }, argument)) as Record<
    string,
    unknown
  >;
}

const vote = (vote: string, server: string) => ask(directory, 'vote', { vote, server });
const upload = (text: string, path = 'minion-cgi/publish') => publishDescriptor(`${base}${path}`, text);
const get = async (path: string, init: RequestInit = {}) => fetch(`${base}${path}`, init);
const servers = async (path: string) => {
  const data = Buffer.from(await (await get(path)).arrayBuffer());
  return Directory.parse(data, { knownServers: known, clock }).recommendedNicknames;
};

describe('an office', () => {
  afterEach(stop);

  test('without an address to listen on there is no directory server, and no key is made', async () => {
    await start({ listen: [] });
    expect(open.listening).toEqual([]);
    expect(open.controls).toEqual({});
    expect(await post.store.documents.list('directory/descriptors')).toEqual([]);
  });

  test('the same address may send so much and no more', async () => {
    await start({ upload_rate: '2/h' });
    await upload('');
    await upload('');
    expect(await upload(ownDescriptor('Amber').text)).toMatchObject({
      accepted: false,
      message: expect.stringMatching('Too many descriptors'),
    });
  });

  test('takes of two who come at once no more than may wait', async () => {
    await start({ most_pending: 1 });
    const answers = await Promise.all(['Amber', 'Birch', 'Cedar'].map((name) => upload(ownDescriptor(name).text)));
    expect(answers.filter(({ accepted }) => accepted).length).toBe(1);
    expect((await ask(directory, 'list', null)).length).toBe(1);
  });

  test('goes on with its key, and not without it', async () => {
    await start();
    const settings = schema.parse({ listen: ['127.0.0.1:0'] });
    for (const pem of [
      '',
      'no key',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
    ]) {
      await writeFile(join(post.folder, 'identity.key'), pem);
      await expect(directory.open(house, settings)).rejects.toMatchObject({
        message: expect.stringMatching('identity key'),
        remedy: expect.stringMatching('backup'),
      });
    }
    await rm(join(post.folder, 'identity.key'));
    const fresh = await directory.open(house, settings);
    expect((await stat(join(post.folder, 'identity.key'))).mode & 0o777).toBe(0o600);
    await fresh.close(0);
  });

  test('over HTTPS too, below a path, and on another port after a reload', async () => {
    await start({ listen: [], listen_tls: ['127.0.0.1:0'], url: 'https://dir.example.net/mix/' });
    const fetchTls = (path: string) => {
      const port = open.listening[0]?.at.port;
      return import('node:https').then(
        ({ get }) =>
          new Promise<Buffer>((resolve, reject) => {
            get({ host: '127.0.0.1', port, path, ca: identity.certificate, servername: 'localhost' }, (response) => {
              response.toArray().then((chunks) => resolve(Buffer.concat(chunks)), reject);
            }).on('error', reject);
          }),
      );
    };
    for (const path of ['/mix/current.gz', '/current.gz']) {
      const found = Directory.parse(await fetchTls(path), { knownServers: known, clock });
      expect(found.voters[0]?.url).toBe('https://dir.example.net/mix/');
    }
    await open.reload(house, schema.parse({ listen: ['127.0.0.1:0'], url: 'http://dir.example.net/' }));
    expect(open.listening.map(({ what }) => what)).toEqual(['HTTP']);
    base = `http://127.0.0.1:${open.listening[0]?.at.port}/`;
    expect(await servers('current.gz')).toEqual([]);
    await open.reload(house, schema.parse({}));
    expect(open.listening).toEqual([]);
  });

  test('a descriptor sent compressed is none', async () => {
    await start();
    const sent = request(`${base}upload`, { method: 'POST', headers: { 'Content-Encoding': 'gzip' } });
    const answered = new Promise<string>((resolve, reject) => {
      sent.on('response', (response) => resolve(textOf(response))).on('error', reject);
    });
    sent.end(gzipSync(new URLSearchParams({ desc: ownDescriptor('Amber').text }).toString()));
    expect(await answered).toContain('Status: 0\n');
  });
});

describe('a remailer that nobody knows', () => {
  afterEach(stop);
  const { text, fingerprint } = ownDescriptor('Amber');

  test('waits for the operator, and is in the next directory when he approves', async () => {
    await start();
    // spec: mixminion-directory 6.2
    expect(await upload(text)).toEqual({ accepted: true, message: 'Server queued pending manual checking' });
    expect(await ask(directory, 'list', null)).toMatchObject([{ nickname: 'Amber', fingerprint, standing: 'pending' }]);
    expect((await ask(open, 'status', null)).pending).toBe(1);
    expect(await (await get('current-raw-servers')).text()).toBe('');
    await vote('yes', 'amber');
    expect(await upload(text)).toEqual({ accepted: true, message: 'Accepted.' });
    expect(await ask(open, 'now', null)).toBe(true);
    for (const path of ['current.gz', 'current', 'directory/Directory.gz', 'directory/Directory', '2026-11-22.gz'])
      expect(await servers(path)).toEqual(['amber']);
  });

  test('is in at once in a test network', async () => {
    await start({ approve: 'all' });
    expect((await upload(text, 'upload')).message).toBe('Accepted.');
    expect((await upload(ownDescriptor('Birch').text)).message).toBe('Accepted.');
    expect(await servers('current.gz')).toEqual(['amber', 'birch']);
  });

  test('is told of it when the operator says no, and not when he ignores it', async () => {
    await start();
    await upload(text);
    await vote('no', fingerprint);
    expect(await upload(text)).toMatchObject({ accepted: false });
    await vote('ignore', fingerprint);
    expect(await upload(text)).toMatchObject({ accepted: true, message: 'Server queued pending manual checking' });
    expect(await post.store.documents.list('directory/descriptors')).toEqual([]);
  });

  test('does not fill the list of those who wait', async () => {
    await start({ most_pending: 1 });
    expect((await upload(text)).accepted).toBe(true);
    expect(await upload(ownDescriptor('Birch').text)).toMatchObject({
      accepted: false,
      message: expect.stringMatching('Too many'),
    });
    expect((await upload(ownDescriptor('Amber', { comments: 'again', published: TODAY + HOUR }).text)).accepted).toBe(
      true,
    );
  });

  test('is told apart from another of its nickname by the operator, who can list one of them only', async () => {
    await start();
    const other = ownDescriptor('Amber', {}, 'Birch');
    await upload(text);
    await upload(other.text);
    await expect(vote('yes', 'Amber')).rejects.toMatchObject({ remedy: expect.stringContaining(other.fingerprint) });
    await vote('yes', fingerprint.toLowerCase());
    await expect(vote('abstain', other.fingerprint)).rejects.toThrow('another server is listed as Amber');
    await expect(vote('yes', 'Nobody')).rejects.toThrow('no remailer Nobody');
    await vote('no', fingerprint);
    await vote('yes', other.fingerprint);
    await ask(open, 'now', null);
    expect(await servers('current')).toEqual(['amber']);
  });
});

describe('a remailer that is known', () => {
  afterAll(stop);
  beforeAll(async () => {
    await start({ upload_rate: '1000/h' });
    await upload(ownDescriptor('Amber').text);
    await vote('yes', 'Amber');
  });
  const refused = (message: RegExp) => ({ accepted: false, message: expect.stringMatching(message) });

  // spec: mixminion-directory 2, 3.4, 6.2
  test.each([
    ['another key under its nickname', ownDescriptor('Amber', {}, 'Birch').text, /belongs to another identity key/],
    ['its key under another nickname', ownDescriptor('Other', {}, 'Amber').text, /known under another nickname/],
    [
      'an expired descriptor',
      ownDescriptor('Amber', { validAfter: TODAY - 9 * DAY, validUntil: TODAY }).text,
      /expired/,
    ],
    ['one from the future', ownDescriptor('Amber', { published: TODAY + DAY }).text, /future/],
    ['an earlier one of the same days', ownDescriptor('Amber', { published: TODAY - DAY }).text, /Later descriptors/],
    ['two at once', ownDescriptor('Amber').text + ownDescriptor('Birch').text, /one descriptor at a time/],
    ['one with a broken signature', ownDescriptor('Amber').text.replace('op@', 'no@'), /Invalid descriptor/],
    ['no descriptor', 'hello', /Invalid descriptor/],
    ['nothing', '', /Invalid descriptor/],
    ['one too long', ownDescriptor('Amber').text + 'x'.repeat(150_000), /Invalid descriptor/],
    ['a flood', 'x'.repeat(300_000), /too long/],
    ['characters of another script', 'Ж'.repeat(10), /Invalid descriptor/],
  ])('%s is refused', async (_, text, message) => {
    expect(await upload(text)).toEqual(refused(message));
    expect((await post.store.documents.list('directory/descriptors')).length).toBe(1);
  });

  test('has its next descriptors taken in at once, but not without end', async () => {
    const next = (month: number) =>
      ownDescriptor('Amber', { validAfter: TODAY + month * 30 * DAY, validUntil: TODAY + (month + 1) * 30 * DAY }).text;
    for (let month = 1; month < 12; month += 1) expect((await upload(next(month))).message).toBe('Accepted.');
    expect(await upload(next(12))).toEqual(refused(/12 descriptors/));
    const raw = gunzipSync(Buffer.from(await (await get('current-raw-servers.gz')).arrayBuffer())).toString();
    let count = 0;
    for (let rest = raw; rest !== ''; count += 1) ({ rest } = ServerDescriptor.parse(rest, { clock }));
    expect(count).toBe(12);
  });
});

describe('over HTTP', () => {
  beforeAll(() => start({ upload_rate: '1000/h' }));
  afterAll(stop);

  test('the answer to an upload is what old remailers look for, to the octet', async () => {
    const response = await get('minion-cgi/publish', { method: 'POST', body: new URLSearchParams({ other: 'x' }) });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain');
    expect(await response.text()).toBe('Status: 0\nMessage: The form has no field "desc".\n');
  });

  test.each([
    ['current.gz', 'application/gzip'],
    ['current', 'text/plain; charset=us-ascii'],
    ['2026-11-22-vote.gz', 'application/gzip'],
    ['2026-11-22-vote', 'text/plain; charset=us-ascii'],
    ['current-raw-servers.gz', 'application/gzip'],
    ['directory/Directory.gz', 'application/gzip'],
  ])('%s has type, age and mark, and is not sent twice', async (path, type) => {
    const response = await get(path);
    const body = Buffer.from(await response.arrayBuffer());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('date')).toBe(new Date(clock.now()).toUTCString());
    expect(response.headers.get('content-encoding')).toBeNull();
    if (type === 'application/gzip') expect(response.headers.get('content-length')).toBe(String(body.length));
    const etag = response.headers.get('etag') ?? '';
    const since = response.headers.get('last-modified') ?? '';
    for (const headers of [{ 'If-None-Match': etag }, { 'If-Modified-Since': since }] as const)
      expect((await get(path, { headers: headers as Record<string, string> })).status).toBe(304);
    expect((await get(path, { headers: { 'If-None-Match': '"other"' } })).status).toBe(200);
    const head = await get(path, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(head.headers.get('etag')).toBe(etag);
    expect(await head.text()).toBe('');
  });

  test.each([
    '',
    'directory/',
    'days/',
    '2026-11-23.gz',
    '2026-02-31.gz',
    'current.gz.gz',
    '..%2fvotes',
    'identity.key',
  ])('"%s" is not there', async (path) => {
    expect((await get(path)).status).toBe(404);
  });

  test.each([
    ['PUT', 'current.gz'],
    ['DELETE', '2026-11-22.gz'],
    ['GET', 'minion-cgi/publish'],
  ])('%s %s is not allowed', async (method, path) => {
    expect((await get(path, { method })).status).toBe(405);
  });

  test('old clients find the format that they read, and new ones both', async () => {
    const old = Directory.parse(await downloadDirectory({ url: `${base}directory/Directory.gz` }, { clock }), {
      knownServers: known,
      clock,
    });
    expect(old.version).toBe('0.2');
    const current = Directory.parse(await downloadDirectory({ url: base }, { clock }), { knownServers: known, clock });
    expect(current.version).toBe('0.3');
    expect(current.voters).toEqual([
      { fingerprint: known[0]?.fingerprint, url: base.replace('127.0.0.1', 'localhost') },
    ]);
  });

  test('one request a connection', async () => {
    expect((await get('current.gz')).headers.get('connection')).toBe('close');
  });

  test('a peer that says nothing, nonsense, or half a request holds up nobody, and the closing neither', async () => {
    const { port } = new URL(base);
    const silent = connect({ port: Number(port), host: '127.0.0.1' });
    const half = connect({ port: Number(port), host: '127.0.0.1' });
    half.write('POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ndesc=');
    const nonsense = connect({ port: Number(port), host: '127.0.0.1' });
    nonsense.write('\u0016\u0003\u0001 hello\r\n\r\n');
    expect(await textOf(nonsense)).toContain('400');
    expect((await get('current.gz')).status).toBe(200);
    const began = performance.now();
    await open.close(200);
    expect(performance.now() - began).toBeLessThan(2000);
    for (const socket of [silent, half]) socket.on('error', () => {}).destroy();
  });
});
