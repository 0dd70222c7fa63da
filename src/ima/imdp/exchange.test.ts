// The IMDP exchange over real TLS: who may send what, exits of handlers, streams that are cut, all servers or none.   spec: ima 1.2, 2.3, 2.10

import { beforeAll, describe, expect, test } from 'vitest';
import { clientAs, connectAs, directionsTo, makeWorld, openReceiver, type World } from '../../../test/support/ima.ts';
import { SAMPLE, SAMPLE_BLOCK, SAMPLE_DATA, sampleWith } from '../../../test/support/ima-samples.ts';
import { DAY, systemClock, VirtualClock } from '../../base/time.ts';
import { letterOf, wholeOf } from '../letter.ts';
import { failureLines, type Sending, send } from '../sending/send.ts';
import type { Result } from '../wire/imdp.ts';
import { parseHead } from '../wire/message.ts';
import type { Receiving } from './receiving.ts';

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  return () => world[Symbol.asyncDispose]();
});

const HEAD = parseHead(SAMPLE_BLOCK);
const KNOWN = ['bob@b.test', 'carol@b.test'];
const early = { unknownHere: async (addresses: readonly string[]) => addresses.filter((one) => !KNOWN.includes(one)) };

/** A receiver that keeps whole messages and ends as told. */
function keeping(status: number | null = 0, lines: readonly string[] = []) {
  const kept: Buffer[] = [];
  const handle: Receiving['handle'] = async (letter, _sender, say) => {
    kept.push(await wholeOf(letter));
    for (const line of lines) await say(line);
    return status ?? undefined;
  };
  return { kept, handle };
}

test('a message arrives to the octet under a received header; the lines come back; more may follow', async () => {
  const { kept, handle } = keeping(2, ['OK bob@b.test', 'FAIL carol@b.test', 'PARTIAL', 'a\tb', 'x'.repeat(5000)]);
  await using server = await openReceiver(world, 'b.test', { ...early, handle });
  const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
  for (let count = 0; count < 2; count += 1) {
    expect(await client.offer(HEAD)).toEqual({ verdict: 'accept' });
    const results: Result[] = [];
    expect(await client.send(letterOf(SAMPLE), (result) => void results.push(result))).toBe('PARTIAL');
    expect(results).toEqual([
      { kind: 'ok', address: 'bob@b.test' },
      { kind: 'fail', address: 'carol@b.test', text: '' },
      { kind: 'note', text: 'PARTIAL' },
      { kind: 'note', text: 'a?b' },
      { kind: 'note', text: 'x'.repeat(4096) },
    ]);
  }
  await client.done();
  expect(kept).toHaveLength(2);
  const [first, received, ...others] = kept[0]?.toString('latin1').split('\n') ?? [];
  expect(first).toBe('ima: 1');
  expect(received).toMatch(
    /^received: from=a\.test by=b\.test at=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ tls=1\.3 ip=127\.0\.0\.1$/,
  );
  expect(`ima: 1\n${others.join('\n')}`).toBe(SAMPLE.toString('latin1'));
});

describe('refused by the headers, and the connection stays', () => {
  const refused: readonly [what: string, block: Buffer, verdict: string][] = [
    ['what is no message', Buffer.from('ima: 2\n\n'), 'REJECT SYNTAX the first header is not `ima: 1`'],
    [
      'another’s name',
      sampleWith({ from: 'eve@evil.test', id: '018c2f6e-0000-7000-8000-000000000001@evil.test' }),
      'REJECT SENDER',
    ],
    ['a mailer of another', sampleWith({ mailer: 'list@evil.test' }), 'REJECT SENDER'],
    ['too much', sampleWith({}, Buffer.alloc(1024 * 1024 + 1)), 'REJECT SIZE max=1048576'],
    [
      'unknown recipients',
      sampleWith({ to: 'dave@b.test, bob@b.test, eve@b.test' }),
      'REJECT NORECIPIENT dave@b.test eve@b.test',
    ],
    ['nobody who is here', sampleWith({ to: 'dave@c.test' }), 'REJECT NORECIPIENT'],
  ];
  test.each(refused)('%s', async (_what, message, verdict) => {
    const { kept, handle } = keeping();
    await using server = await openReceiver(world, 'b.test', { ...early, handle });
    const connection = await connectAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
    await connection.write(message.subarray(0, message.indexOf('\n\n') + 2));
    expect((await connection.line(5000, 5000))?.toString()).toBe(verdict);
    await connection.write(SAMPLE_BLOCK);
    expect((await connection.line(5000, 5000))?.toString()).toBe('ACCEPT');
    await connection.write('CANCEL\n');
    expect((await connection.line(5000, 5000))?.toString()).toBe('OK');
    await connection.write('done\n');
    expect(await connection.line(5000, 5000)).toBeUndefined();
    expect(kept).toEqual([]);
  });

  test('a domain that is not wanted', async () => {
    const { handle } = keeping();
    await using server = await openReceiver(world, 'b.test', { handle, refused: ['a.test'] });
    const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
    expect(await client.offer(HEAD)).toEqual({ verdict: 'reject', reason: 'POLICY', text: '' });
    await client.done();
  });
});

test('the mailer may send what another wrote', async () => {
  const { kept, handle } = keeping();
  await using server = await openReceiver(world, 'b.test', { handle });
  const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'l.test' });
  const letter = letterOf(sampleWith({ mailer: 'list-bounces@L.test' }));
  expect(await client.offer(letter.head)).toEqual({ verdict: 'accept' });
  expect(await client.send(letter, () => {})).toBe('OK');
  await client.done();
  expect(kept[0]?.toString()).toContain('received: from=l.test');
});

test.each([
  [0, 'OK'],
  [1, 'FAIL'],
  [2, 'PARTIAL'],
  [4, 'FAIL'],
  [255, 'FAIL'],
  [null, 'FAIL'],
] as const)('a handler that ends with %s: %s', async (status, final) => {
  await using server = await openReceiver(world, 'b.test', keeping(status));
  const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
  await client.offer(HEAD);
  expect(await client.send(letterOf(SAMPLE), () => {})).toBe(final);
  await client.done();
});

test('a handler that ends with 3: the connection is gone at once', async () => {
  await using server = await openReceiver(world, 'b.test', keeping(3));
  const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
  await client.offer(HEAD);
  await expect(client.send(letterOf(SAMPLE), () => {})).rejects.toMatchObject({ code: 'later' });
});

test('cut at any octet, nothing is handed on', async () => {
  const { kept, handle } = keeping();
  await using server = await openReceiver(world, 'b.test', { handle });
  const stream = Buffer.concat([SAMPLE_BLOCK, Buffer.from('DATA\n'), SAMPLE_DATA]);
  const cuts = Array.from({ length: stream.length }, (_, at) => at);
  for (let at = 0; at < cuts.length; at += 16) {
    await Promise.all(
      cuts.slice(at, at + 16).map(async (cut) => {
        const connection = await connectAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
        await connection.write(stream.subarray(0, cut));
        await connection.close();
      }),
    );
  }
  expect(kept).toEqual([]);
  const connection = await connectAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
  for (const octet of stream) await connection.write(Buffer.of(octet));
  expect((await connection.line(100, 5000))?.toString()).toBe('ACCEPT');
  expect((await connection.line(100, 5000))?.toString()).toBe('OK');
  await connection.close();
  expect(kept).toHaveLength(1);
});

describe('certificates', () => {
  test('one that is not trusted, or none, is not listened to', async () => {
    const { kept, handle } = keeping();
    await using server = await openReceiver(world, 'b.test', { handle });
    await using strangers = await makeWorld();
    const own = await strangers.certificate('a.test');
    const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test', own });
    await expect(client.offer(HEAD)).rejects.toMatchObject({ code: 'later' });
    expect(server.outcomes).toEqual(['certificate']);
    expect(kept).toEqual([]);
  });

  test('the server has to be the hostpart’s own', async () => {
    await using server = await openReceiver(world, 'b.test', keeping());
    await expect(connectAs(world, { host: 'c.test', port: server.port, as: 'a.test' })).rejects.toMatchObject({
      code: 'certificate',
    });
    await using strangers = await makeWorld();
    await expect(connectAs(strangers, { host: 'b.test', port: server.port, as: 'a.test' })).rejects.toMatchObject({
      code: 'certificate',
    });
  });

  test('a pinned host needs its key besides', async () => {
    const pins = new Map([['a.test', ['00'.repeat(32)]]]);
    await using server = await openReceiver(world, 'b.test', { ...keeping(), trust: { ...world.trust, pins } });
    const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test' });
    expect(await client.offer(HEAD)).toMatchObject({ verdict: 'reject', reason: 'SENDER' });
    await client.done();
  });

  test('what was good yesterday expires', async () => {
    const clock = new VirtualClock(Date.now());
    await using server = await openReceiver(world, 'b.test', { ...keeping(), clock });
    const own = await world.certificate('a.test', { until: Date.now() + DAY });
    const offer = async () => {
      const client = await clientAs(world, { host: 'b.test', port: server.port, as: 'a.test', own });
      return client.offer(HEAD).finally(() => client.done());
    };
    expect(await offer()).toEqual({ verdict: 'accept' });
    await clock.advance(2 * DAY);
    await expect(offer()).rejects.toMatchObject({ code: 'later' });
    expect(server.outcomes.at(-1)).toBe('certificate');
  });
});

describe('server-send-mail', () => {
  async function sendTo(ports: Readonly<Record<string, number>>, to: string, changes: Partial<Sending> = {}) {
    const lines: string[] = [];
    const sent = await send({
      letter: letterOf(sampleWith({ to })),
      directions: directionsTo(ports),
      trust: world.trust,
      own: await world.certificate('a.test'),
      clock: systemClock,
      hostparts: ['a.test'],
      unknownHere: async (addresses) => addresses.filter((address) => address !== 'alice@a.test'),
      deliverHere: async (_letter, say) => {
        await say('OK alice@a.test');
        return 0;
      },
      say: async (line) => void lines.push(line),
      ...changes,
    });
    return { sent, lines };
  }

  test('all servers have it, and ours too', async () => {
    const [b, c] = [
      keeping(0, ['OK bob@b.test']),
      keeping(1, ['NOTE full', 'FAIL carl@c.test no room', 'OK bob@b.test']),
    ];
    await using atB = await openReceiver(world, 'b.test', b);
    await using atC = await openReceiver(world, 'c.test', c);
    const ports = { 'b.test': atB.port, 'c.test': atC.port };
    const { sent, lines } = await sendTo(ports, 'bob@b.test, carl@c.test, alice@a.test');
    expect(sent).toEqual({ kind: 'sent', outcome: 2 });
    expect(lines.sort()).toEqual([
      'FAIL carl@c.test no room',
      'NOTE OK bob@b.test',
      'NOTE full',
      'OK alice@a.test',
      'OK bob@b.test',
    ]);
    expect([b.kept.length, c.kept.length]).toEqual([1, 1]);
  });

  test('one no, and nobody gets data', async () => {
    const [b, c] = [keeping(), keeping()];
    await using atB = await openReceiver(world, 'b.test', b);
    await using atC = await openReceiver(world, 'c.test', { ...c, ...early });
    const ports = { 'b.test': atB.port, 'c.test': atC.port };
    const { sent, lines } = await sendTo(ports, 'bob@b.test, nobody@c.test, away@d.test, strange@a.test');
    if (sent.kind !== 'not-sent') throw new Error('sent');
    expect(failureLines(sent.failures)).toEqual([
      'FAIL nobody@c.test NORECIPIENT nobody@c.test',
      'FAIL away@d.test there is no server for d.test',
      'FAIL strange@a.test NORECIPIENT',
    ]);
    expect(sent.failures.map(({ temporary }) => temporary)).toEqual([false, true, false]);
    expect(lines).toEqual([]);
    expect([...b.kept, ...c.kept]).toEqual([]);
    expect(atB.outcomes).toEqual(['cancelled']);
  });

  test('each server sees of bcc only its own', async () => {
    const [b, c] = [keeping(), keeping()];
    await using atB = await openReceiver(world, 'b.test', b);
    await using atC = await openReceiver(world, 'c.test', c);
    const letter = letterOf(sampleWith({ to: 'bob@b.test', bcc: 'carl@c.test, hidden@b.test' }));
    const { sent } = await sendTo({ 'b.test': atB.port, 'c.test': atC.port }, 'x@y', { letter });
    expect(sent).toEqual({ kind: 'sent', outcome: 0 });
    expect(/^bcc: .*$/m.exec(b.kept.toString())?.[0]).toBe('bcc: hidden@b.test');
    expect(/^bcc: .*$/m.exec(c.kept.toString())?.[0]).toBe('bcc: carl@c.test');
  });
});
