// Lines and messages of IMA that several tests and fuzz targets begin from.   spec: ima 2.2, 2.3, 2.8

/** The specification's own message, to the octet. */
export const SAMPLE_HEADERS = [
  'ima: 1',
  'id: 018c2f6e-0000-7000-8000-000000000001@a.test',
  'date: 2026-11-22T05:00:00Z',
  'from: alice@a.test',
  'to: bob@b.test, carol@b.test',
  'subject: Hello',
  'part: 12 body text/plain',
  'part: 5 attachment application/octet-stream notes.bin',
  'size: 17',
];

export const SAMPLE_DATA = Buffer.from('Hello, Bob.\n\x00\x01\x02\x03\x04', 'latin1');
export const SAMPLE_BLOCK = blockOf(SAMPLE_HEADERS);
export const SAMPLE = Buffer.concat([SAMPLE_BLOCK, SAMPLE_DATA]);
export const SAMPLE_SHA256 = '5cb27e9facfb7a61e140091d00c31258694f27bca0305269347c8b8548f426fd';

export function blockOf(lines: readonly string[]): Buffer {
  return Buffer.from(`${lines.join('\n')}\n\n`);
}

/** The sample with headers changed by name (undefined leaves one out), and data of its own. */
export function sampleWith(
  changes: Readonly<Record<string, string | undefined>>,
  data: Uint8Array = SAMPLE_DATA,
): Buffer {
  const sized = data === SAMPLE_DATA ? changes : { part: undefined, size: String(data.length), ...changes };
  const named = new Map(Object.entries(sized));
  const lines = SAMPLE_HEADERS.flatMap((line) => {
    const name = line.slice(0, line.indexOf(':'));
    if (!named.has(name)) return [line];
    const value = named.get(name);
    if (name !== 'part') named.delete(name);
    return value === undefined ? [] : [`${name}: ${value}`];
  });
  const fresh = [...named].flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  lines.splice(-1, 0, ...fresh);
  return Buffer.concat([blockOf(lines), data]);
}

export const IMDP_LINES = [
  'ACCEPT',
  'REJECT SYNTAX',
  'REJECT SIZE max=52428800',
  'REJECT NORECIPIENT a@h.test b@h.test',
  'OK bob@b.test',
  'FAIL carol@b.test',
  'FAIL carol@b.test the mailbox is full',
  'NORECIPIENT dave@b.test eve@b.test',
  'NOTE a word to the sender',
  'something else',
  'OK',
  'FAIL',
  'PARTIAL',
];

const ID = '1763787600000-00112233445566aa';

export const IMRP_COMMANDS = [
  'AUTH PASS bob aHVudGVyMg==',
  'AUTH CERT bob@b.test',
  'BOXES',
  'LIST inbox',
  'LIST inbox 5 100',
  `HEAD inbox ${ID}`,
  `FETCH inbox ${ID}`,
  `PART inbox ${ID} 2`,
  `PART inbox ${ID} 2 0 4`,
  `FLAG inbox ${ID} +seen -flagged`,
  `MOVE inbox ${ID} trash`,
  `DELE inbox ${ID}`,
  'MKBOX work-2026',
  'RMBOX work-2026',
  'SYNC inbox 0',
  'WAIT inbox 7 60',
  'DONE',
];

export const IMRP_REPLIES = [
  'BOX inbox 3 1 12',
  `MSG ${ID} 251 1 -`,
  `MSG ${ID} 251 3 answered,seen`,
  `GONE ${ID}`,
  'DATA 251',
  'OK',
  'OK 12',
  'FAIL NOSUCH',
  'FAIL BUSY resync',
];
