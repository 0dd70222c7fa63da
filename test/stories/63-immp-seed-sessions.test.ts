// The sessions that the draft shows, typed at an office as they stand there, over a real connection; and the demo.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { authMessage, deriveH2, proofK3 } from '../../src/immp/auth/keys.ts';
import { readPairs } from '../../src/immp/wire/texts.ts';
import type { Connection } from '../../src/net/connection.ts';
import { dialPlain } from '../../src/net/dial.ts';
import { PASSWORD } from '../support/immp.ts';
import { type ImmpOffice, openImmpOffice } from '../support/immp-office.ts';
import { postern } from '../support/office.ts';

const DOMAIN = 'noccylabs.info';
const NAME = 'noccy@noccylabs.info';

let office: ImmpOffice;
let connection: Connection;

beforeAll(async () => {
  office = await openImmpOffice(DOMAIN);
  await office.ask('account.add', { name: 'noccy', password: PASSWORD });
  connection = await dialPlain({ to: { host: '127.0.0.1', port: office.port } });
});
afterAll(async () => {
  connection.destroy();
  await office[Symbol.asyncDispose]();
});

async function line(): Promise<string> {
  return String(await connection.line(1 << 20, 20_000));
}

/** Types what is given and reads so many lines. */
async function type(text: string | Uint8Array, count: number): Promise<string[]> {
  await connection.write(text);
  const lines: string[] = [];
  while (lines.length < count) lines.push(await line());
  return lines;
}

// spec: immp 2.3 (seed 5.3.1)
test('upgrading a connection', async () => {
  expect(await type('', 3)).toEqual([
    '100- IMMP/1.0 Server at noccylabs.info.',
    '100- Please upgrade the connection to one of the following:',
    '100 TLS2 TLS3',
  ]);
  expect(await line()).toMatch(/^101 p=IMMP v=1\.0 d=noccylabs\.info /);
  expect(await type('AUTH SECRET noccy@noccylabs.info\n', 1)).toEqual(['720 Encrypt first']);
  expect(await type('UPGRADE SSLv3\n', 1)).toEqual(['420 Upgrade method not available']);
  expect(await type('UPGRADE TLS3\n', 1)).toEqual(['204 Upgrading to TLS3.']);
  await connection.secure({ side: 'client', host: DOMAIN, minVersion: 'TLSv1.3' });
});

// spec: immp 2.6 (seed 5.3.2)
test('authentication with a shared secret', async () => {
  const [begun, asked] = await type(`AUTHENTICATE SECRET ${NAME} "Desktop Computer (Mail Client)"\n`, 2);
  expect(begun).toBe('302 Shared secret authentication request initiated.');
  const text = asked?.replace(/^303 /, '') ?? '';
  const pairs = readPairs(text);
  expect(pairs.get('n1')).toMatch(/^[0-9a-f]{8}-/);
  expect(pairs.get('n2')).toMatch(/^\d+$/);
  const cost = { N: Number(pairs.get('N')), r: 8, p: 1 };
  const h2 = await deriveH2(PASSWORD, Buffer.from(pairs.get('s') ?? '', 'hex'), cost);
  const proof = proofK3(h2, authMessage(NAME, text, connection.peer.serverKey ?? Buffer.alloc(0)));
  const [shown, accepted] = await type(`AUTH RESPONSE ${proof.toString('hex')}\n`, 2);
  expect([shown?.slice(0, 6), accepted]).toEqual(['304 v=', `210 Authentication accepted for ${NAME}`]);
});

// spec: immp 2.8 (seed 6.3)
test('delivering two parts', async () => {
  await type('MBOX CREATE /inbox/Analytics\n', 1);
  expect(await type('DELIVER TO noccy+analytics@noccylabs.info +IMPORTANT +MULTIPART\n', 1)).toEqual([
    '270 Ok, ready to deliver. Give me your DATA.',
  ]);
  expect(await type('DATA logo.jpg TYPE image/jpg +BASE64\n', 1)).toEqual(['271 logo.jpg Saving part']);
  expect(await type('aGVsbG8K\n\n\n', 1)).toEqual(['272 logo.jpg Part saved']);
  expect(await type('DATA index.html TYPE text/html LENGTH 1742 +CONTENT\n', 1)).toEqual([
    '271 index.html Saving content part',
  ]);
  expect(await type(Buffer.alloc(1742, '<p>Hi!</p>\n\n\n'), 1)).toEqual(['272 index.html Part saved']);
  expect(await type('DONE\n', 1)).toEqual([expect.stringMatching(/^273 [0-9a-f-]{36} Delivered$/)]);
});

// spec: immp 2.2, 2.9 (seed 3.6, 5.3.3)
test('reading mail, in pipelines', async () => {
  await type('MBOX CREATE /inbox/lists\n', 1);
  const lines = await type('MBOX CHECK /inbox:* +RECURSIVE\n', 3);
  expect(lines.map((each) => each.replace(/ s=.*/, ''))).toEqual([
    '240- /inbox:* u=0 t=0',
    '240- /inbox/Analytics:* u=1 t=1',
    '240 /inbox/lists:* u=0 t=0',
  ]);
  const both = await type(
    'AS f9ca MBOX INDEX /inbox/analytics::unread +JSON\nAS ab34 MBOX INDEX /inbox/lists::unread +JSON\n',
    3,
  );
  const [item, end, ...more] = both.filter((each) => each.startsWith('f9ca: '));
  expect([end, more, both.filter((each) => each.startsWith('ab34: '))]).toEqual(['f9ca: 250 ', [], ['ab34: 250 ']]);
  const entry = JSON.parse(item?.replace(/^f9ca: 250- /, '') ?? '') as { _id: string; uuid: string; from: string };
  expect(entry).toMatchObject({ from: NAME, to: 'noccy+analytics@noccylabs.info', flags: ['important'] });
  expect(entry._id).toBe(`noccylabs_info.${entry.uuid.slice(0, 8)}`);

  const [fetched] = await type(`AS beef MBOX FETCH /inbox/Analytics#${entry.uuid} +JSON -READ\n`, 2);
  const message = JSON.parse(fetched?.replace(/^beef: 250- /, '') ?? '') as { parts: { data: string; name: string }[] };
  expect(message.parts.map(({ name, data }) => [name, data.length])).toEqual([
    ['logo.jpg', 8],
    ['index.html', 1742],
  ]);
  expect(await type('MBOX INDEX :inbox/Analytics:read +JSON\n', 1)).toEqual(['250 ']);
});

// spec: immp 2.2 (several attachments at once)
test('two uploads chained in one line', async () => {
  await type(`DELIVER TO ${NAME} +MULTIPART\n`, 1);
  const first =
    'AS a1 DATA NAME logo.png TYPE image/png LENGTH 3; AS a2 DATA NAME b.txt TYPE text/plain LENGTH 2 +CONTENT\n';
  expect(await type(first, 1)).toEqual(['a1: 271 logo.png Saving part']);
  expect(await type('abc', 2)).toEqual(['a1: 272 logo.png Part saved', 'a2: 271 b.txt Saving content part']);
  expect(await type('hi', 1)).toEqual(['a2: 272 b.txt Part saved']);
  expect((await type('DONE; NOOP\n', 2)).map((each) => each.slice(0, 4))).toEqual(['273 ', '200 ']);
  expect(await type('QUIT\n', 1)).toEqual(['205 Bye']);
  expect(await connection.line(100, 5000)).toBeUndefined();
});

test('the demo tells its chapter', async () => {
  const { code, out, err } = await postern('demo', 'immp');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  for (const said of ['UPGRADE TLS3', 'DELIVER TO bob@demo.example SUBJECT Tonight +MULTIPART -FROM', 'QUIT']) {
    expect(out).toContain(`C: ${said}`);
  }
  expect(out).toContain('from             not said; demo.example vouches');
  expect(out).toContain('6 and 100000 octets, and the digests are right');
});
