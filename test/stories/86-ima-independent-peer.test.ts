// A peer that shares nothing with ours but docs/protocols/ima.md: Python 3 and its standard library.   spec: ima 2.2, 2.3, 3

import { execFile, execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../src/base/random.ts';
import { systemClock } from '../../src/base/time.ts';
import { sha256 } from '../../src/crypto/hash.ts';
import { compose } from '../../src/ima/compose.ts';
import { type HeldLetter, letterOf, wholeOf } from '../../src/ima/letter.ts';
import { makeWorld, messagesIn, storedOctets } from '../support/ima.ts';
import { openIma } from '../support/ima-office.ts';
import { SAMPLE, sampleWith } from '../support/ima-samples.ts';
import { judgedBy } from '../support/judges.ts';

const PEER = join(import.meta.dirname, '..', 'foreign', 'ima_peer.py');

function* messagesOf(octets: Buffer): Generator<Buffer> {
  for (let at = 0; at < octets.length; ) {
    const end = octets.indexOf(0x0a, at);
    const length = Number(octets.toString('latin1', at, end));
    yield octets.subarray(end + 1, end + 1 + length);
    at = end + 1 + length;
  }
}

/** As the peer tells what it reads. */
async function told(letter: HeldLetter) {
  const { headers, parts } = letter.head;
  const data = Buffer.concat(await Array.fromAsync(letter.data()));
  let at = 0;
  return {
    headers: headers.map(({ name, value }) => [name, value]),
    parts: parts.map(({ role, type, name, size }) => {
      at += size;
      return [role, type, name ?? null, sha256(data.subarray(at - size, at)).toString('hex')];
    }),
  };
}

const read = (messages: readonly Buffer[]): unknown[] => {
  const input = Buffer.concat(messages.flatMap((message) => [Buffer.from(`${message.length}\n`), message]));
  return JSON.parse(execFileSync('python3', [PEER, 'read'], { input, encoding: 'utf8' }));
};

describe('a peer in another language', judgedBy('python3'), () => {
  test('builds messages that we read as it does', async () => {
    const seed = systemRandom.bytes(4).readUInt32BE();
    const built = [...messagesOf(execFileSync('python3', [PEER, 'build', String(seed), '200']))];
    expect(built).toHaveLength(200);
    const ours = await Promise.all(built.map((message) => told(letterOf(message))));
    expect(ours, `seed ${seed}`).toEqual(read(built));
  });

  test('reads what we build as we do, and refuses what we refuse', async () => {
    const tools = { clock: systemClock, random: systemRandom };
    const letters = Array.from({ length: 50 }, (_, count) =>
      compose(
        {
          ...{
            from: 'alice@a.test',
            fromName: 'Alice ☃',
            to: ['bob@b.test', 'jürgen@c.test'],
            subject: `№ ${count} — ß`,
          },
          extra: [{ name: 'x-mood', value: '\t=?%' }],
          parts: [
            { role: 'body', type: 'text/plain', content: Buffer.from('Grüße\n'.repeat(count)) },
            { role: 'attachment', type: 'image/png', name: `ü 100% ${count}.png`, content: systemRandom.bytes(count) },
          ],
        },
        tools,
      ),
    );
    const whole = await Promise.all([letterOf(SAMPLE), ...letters].map(wholeOf));
    expect(read(whole)).toEqual(await Promise.all(whole.map((message) => told(letterOf(message)))));
    const broken = [
      SAMPLE.subarray(0, -1),
      Buffer.concat([SAMPLE, Buffer.from('x')]),
      sampleWith({ to: 'bob' }),
      sampleWith({ part: '5 body text/plain' }, Buffer.from('Hello, Bob.')),
      Buffer.from(SAMPLE.toString('latin1').replace('ima: 1\n', ''), 'latin1'),
      Buffer.from(SAMPLE.toString('latin1').replace('\nsubject: ', '\nSubject: '), 'latin1'),
      Buffer.from(SAMPLE.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'),
    ];
    for (const message of broken) expect(() => letterOf(message)).toThrow();
    expect(read(broken)).toEqual(broken.map(() => ({ error: expect.any(String) })));
  });

  test('delivers to our server, to the octet', async () => {
    await using world = await makeWorld();
    await using office = await openIma(world, 'b.test', new Map());
    const bob = await office.addUser('bob');
    const { cert, key } = await world.files('a.test');
    const port = office.open.listening.find(({ what }) => what === 'IMDP')?.at.port ?? 0;
    const good = sampleWith({ to: 'bob@b.test' });
    const messages = {
      good,
      unknown: SAMPLE,
      forged: sampleWith({ from: 'alice@c.test', id: '018c2f6e-0000-7000-8000-000000000001@c.test' }),
      wrong: sampleWith({ date: 'today' }),
      again: good,
      other: sampleWith(
        { to: 'bob@b.test', id: '018c2f6e-0000-7000-8000-000000000002@a.test' },
        Buffer.alloc(3_000_000, 'x'),
      ),
    };
    const files = Object.keys(messages).map((name) => join(world.folder, name));
    for (const [place, message] of Object.values(messages).entries()) await writeFile(files[place] ?? '', message);
    const args = [PEER, 'deliver', 'b.test', String(port), cert, key, world.rootFile, ...files];
    const { stdout } = await promisify(execFile)('python3', args);
    expect(JSON.parse(stdout)).toEqual([
      ['ACCEPT', `OK ${bob}`, 'OK'],
      ['REJECT NORECIPIENT carol@b.test'],
      ['REJECT SENDER'],
      [expect.stringMatching(/^REJECT SYNTAX /)],
      ['ACCEPT', `OK ${bob}`, 'OK'],
      ['ACCEPT', `OK ${bob}`, 'OK'],
    ]);
    const stored = await Promise.all((await messagesIn(join(office.mailboxes, 'bob', 'inbox'))).map(storedOctets));
    const plain = stored.map((octets) => octets.toString('latin1').replace(/^received: .*\n/m, ''));
    expect(plain).toEqual([good, messages.other].map((message) => message.toString('latin1')));
  });
});
