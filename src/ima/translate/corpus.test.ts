// Mail as the world writes it, to IMA and back: what is sealed to the octet, all other so that nothing changes the second time, and as
// Python reads it.   spec: ima 2.13, 3

import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { judgedBy } from '../../../test/support/judges.ts';
import { systemRandom } from '../../base/random.ts';
import { systemClock } from '../../base/time.ts';
import { sha256 } from '../../crypto/hash.ts';
import { type Letter, letterOf, wholeOf } from '../letter.ts';
import { headerOf } from '../wire/message.ts';
import { fromMail } from './from-mail.ts';
import { toMail } from './to-mail.ts';

const tools = { clock: systemClock, random: systemRandom };
const about = { to: 'bob@b.test', from: 'ann@mail.test', mailer: 'smtp-gateway@b.test', judged: false };
const root = join(import.meta.dirname, '..', '..', '..');
const mails = globSync('test/fixtures/ima/mail/*/*.eml', { cwd: root })
  .sort()
  .map((path) => ({
    name: basename(path, '.eml'),
    path: join(root, path),
    octets: withCrlf(readFileSync(join(root, path))),
  }));

function withCrlf(octets: Buffer): Buffer {
  return Buffer.from(octets.toString('latin1').replaceAll('\n', '\r\n'), 'latin1');
}

/** All that has to stay what it is; the gateway is another sender and has another name for it. */
async function told(letter: Letter) {
  const data = Buffer.concat(await Array.fromAsync(letter.data()));
  const { from, to, cc, date, parts, headers } = letter.head;
  let at = 0;
  return {
    ...{ from, to, cc, date },
    headers: headers
      .filter(
        ({ name }) =>
          !/^(?:id|received|bcc|part|size|x-smtp-(?:return-path|from|sender|message-id|dkim-signature))$/.test(name),
      )
      .filter(({ value }) => value !== '')
      .sort((one, other) => (one.name < other.name ? -1 : 1)),
    parts: parts.map(({ role, type, name, size }) => {
      at += size;
      const content = data.subarray(at - size, at);
      return [
        role,
        type,
        name,
        role === 'body' || role === 'alt' ? content.toString().trimEnd() : sha256(content).toString('hex'),
      ];
    }),
  };
}

test.each(mails.filter(({ name }) => name.startsWith('sealed-')))('$name passes untouched', async ({ octets }) => {
  const letter = letterOf(await wholeOf(await fromMail({ ...about, message: octets }, tools)));
  expect(letter.head.parts.map(({ role, type }) => [role, type])).toEqual([
    ['body', 'text/plain'],
    ['attachment', 'message/rfc822'],
  ]);
  expect(await toMail(letter)).toEqual(octets);
});

test.each(mails.filter(({ name }) => !name.startsWith('sealed-')))('$name stays what it became', async ({ octets }) => {
  const letter = letterOf(await wholeOf(await fromMail({ ...about, message: octets }, tools)));
  const back = await toMail(letter);
  expect(back.toString('latin1')).not.toMatch(/[^\r]\n|\r[^\n]/);
  const again = await fromMail({ ...about, message: back }, tools);
  expect(await told(again)).toEqual(await told(letter));
});

test('a signed message that is forwarded keeps its octets', async () => {
  const { octets } = mails.find(({ name }) => name === 'body-with-signed-forward') ?? { octets: Buffer.alloc(0) };
  const [, forwarded = ''] = /message\/rfc822\r\n\r\n(.*)\r\n--f--/s.exec(octets.toString()) ?? [];
  const letter = await fromMail({ ...about, message: octets }, tools);
  const data = Buffer.concat(await Array.fromAsync(letter.data())).toString();
  expect(data.slice(letter.head.parts[0]?.size)).toBe(forwarded.replaceAll('\r\n', '\n'));
  expect((await toMail(letter)).toString()).toContain(`\r\n\r\n${forwarded}\r\n--`);
});

/** Where Python gives up, writes anew or guesses otherwise. */
const DISPUTED = new Set([
  'bad-base64',
  'body-with-signed-forward',
  'delivery-report',
  'eight-bit-headers',
  'encoded-word-cut-in-a-letter',
]);

test('Python reads it as we do', judgedBy('python3'), async () => {
  const judged = mails.filter(
    ({ name, path }) => path.includes('/ours/') && !name.startsWith('sealed-') && !DISPUTED.has(name),
  );
  const args = [join(root, 'test', 'foreign', 'mail_judge.py'), ...judged.map(({ path }) => path)];
  const readings = JSON.parse(execFileSync('python3', args, { encoding: 'utf8' })) as object[];
  const theirs = readings.map((reading, place) => ({ name: judged[place]?.name, ...reading }));
  const ours = await Promise.all(judged.map(async ({ name, octets }) => ({ name, ...(await shown(octets)) })));
  expect(ours).toEqual(theirs);
});

async function shown(octets: Buffer) {
  const letter = await fromMail({ ...about, message: octets }, tools);
  const { head } = letter;
  const data = Buffer.concat(await Array.fromAsync(letter.data()));
  const files: [string | null, string][] = [];
  let text = '';
  let at = 0;
  for (const { role, type, name, size } of head.parts) {
    const content = data.subarray(at, at + size);
    at += size;
    if (role === 'body' && type === 'text/plain') text = content.toString();
    else if (role !== 'body' && role !== 'alt') files.push([name ?? null, sha256(plainLines(content)).toString('hex')]);
  }
  return {
    subject: words(headerOf(head, 'subject') ?? ''),
    from: head.from === about.mailer ? null : [headerOf(head, 'from-name') ?? '', head.from],
    text: words(text),
    files,
  };
}

/** Files of text have the line ends of whoever reads them. */
function plainLines(content: Buffer): Buffer {
  return Buffer.from(content.toString('latin1').replaceAll('\r\n', '\n').replace(/\n+$/, ''), 'latin1');
}

function words(text: string): string {
  return text.split(/\s+/).filter(Boolean).join(' ');
}
