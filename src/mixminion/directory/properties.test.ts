// What is written reads back as it was; what is cut, changed or random is refused by the reader's own error or is well-formed.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  clock,
  descriptorOf,
  directoryText,
  identity,
  seeded,
  TODAY,
} from '../../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../../test/support/vectors.ts';
import type { PosternError } from '../../base/errors.ts';
import { DAY } from '../../base/time.ts';
import { exitOf, parseAddress } from './address.ts';
import { cleanText, parseSections, type Section, writeSections } from './config-format.ts';
import { ServerDescriptor } from './descriptor.ts';
import type { DescriptorFields, LinkRule } from './descriptor-fields.ts';
import { Directory } from './directory.ts';
import { readDirectoryV2, writeDirectoryV2 } from './directory-v2.ts';
import { readDirectoryV3 } from './directory-v3.ts';
import { AddressError, DirectoryError, PathError } from './errors.ts';
import { type PathComponent, PathSpec } from './path-spec.ts';
import { interval, intervalList, size } from './setting-kinds.ts';
import * as kinds from './value-kinds.ts';

const string = (characters: string, minLength: number, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...characters), minLength, maxLength });
const printable = fc
  .string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 })
  .map((text) => text.trim());
const nickname = fc.tuple(string('ABCxyz', 1, 1), string('abcXYZ019-', 0, 23)).map(([first, rest]) => first + rest);
const host = string('abcABC019-', 1, 20);
const protocols = fc.array(fc.constantFrom('0.3', '0.4', '1.0'), { minLength: 1, maxLength: 3 });
const day = fc.nat(20_000).map((days) => days * DAY);
const rules = fc.array(
  fc.oneof(
    fc.constantFrom<LinkRule>({ key: 'Allow', value: '*' }, { key: 'Deny', value: '10.0.0.0/255.0.0.0 1-1024' }),
    fc
      .tuple(fc.constantFrom<LinkRule['key']>('Allow', 'Deny'), fc.ipV4(), fc.nat(65_535))
      .map(([key, address, port]): LinkRule => ({ key, value: `${address} ${port}` })),
  ),
  { maxLength: 3 },
);
const delivery = fc.record({ maximumSize: fc.integer({ min: 32, max: 100_000 }), allowFrom: fc.boolean() });

const fields: fc.Arbitrary<DescriptorFields> = fc.record(
  {
    nickname,
    published: fc.nat(Math.floor(TODAY / 1000)).map((seconds) => seconds * 1000),
    validAfter: day,
    validUntil: day.map((at) => at + 20_001 * DAY),
    packetKey: fc.constant(identity.publicKey),
    packetVersions: protocols,
    contact: printable,
    software: printable,
    secureConfiguration: fc.boolean(),
    whyInsecure: printable,
    contactFingerprint: printable,
    comments: printable,
    incoming: fc.record({ ip: fc.ipV4(), hostname: host, port: fc.integer({ min: 1, max: 65_535 }), protocols, rules }),
    outgoing: fc.record({ protocols, rules }),
    mbox: delivery,
    smtp: delivery,
    maximumFragments: fc.nat(1000),
    platform: printable,
    configuration: printable,
  },
  {
    requiredKeys: ['nickname', 'published', 'validAfter', 'validUntil', 'packetKey', 'packetVersions', 'contact'],
  },
);

/** Fails for whatever is thrown but is not of `own`. */
function mayRefuse(own: new (...args: never[]) => PosternError, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(own);
  }
}

/** A text with one place changed: cut off, a character replaced, a line doubled or taken away. */
const damage = (text: string) =>
  fc
    .tuple(fc.nat(text.length - 1), fc.constantFrom('cut', 'replace', 'double', 'drop'), printable)
    .map(([at, how, by]) => {
      const lines = text.split('\n');
      const line = at % lines.length;
      if (how === 'cut') return text.slice(0, at);
      if (how === 'replace') return text.slice(0, at) + by + text.slice(at + 1);
      return lines.toSpliced(line, 1, ...(how === 'drop' ? [] : [lines[line] ?? '', lines[line] ?? ''])).join('\n');
    });

describe('descriptors', () => {
  test('are read as they were written', () => {
    fc.assert(
      fc.property(fields, (made) => {
        const built = ServerDescriptor.build(made, identity, { random: seeded(1), clock });
        expect(built.fields).toEqual(made);
        const { descriptor, rest } = ServerDescriptor.parse(`${built.text}[ Server ]\nX: 1\n`, { clock });
        expect(descriptor.fields).toEqual(made);
        expect(descriptor.identityKey.fingerprint).toBe(identity.publicKey.fingerprint);
        expect(descriptor.digest).toEqual(built.digest);
        expect(rest).toBe('[ Server ]\nX: 1\n');
      }),
      { numRuns: 60 },
    );
  });

  test('that are damaged are refused', () => {
    // Neither digest nor signature covers the blanks in front of themselves.
    const signedPart = (octets: string) => cleanText(octets).replace(/^(Digest|Signature):[ \t]*/gm, '$1:');
    const { text } = descriptorOf('Ash');
    fc.assert(
      fc.property(damage(text), (changed) => {
        if (signedPart(changed) === signedPart(text)) return;
        expect(() => ServerDescriptor.parse(changed, { clock })).toThrow(DirectoryError);
        mayRefuse(DirectoryError, () => ServerDescriptor.parse(changed, { clock, validate: false }));
      }),
      { numRuns: 300 },
    );
  });

  test('cannot be made to hold more lines than they have fields', () => {
    const forged = { contact: 'me\nComments: not mine' };
    expect(() => descriptorOf('Ash', forged)).toThrow(DirectoryError);
    expect(() => descriptorOf('Ash', { validUntil: TODAY - DAY })).toThrow('ends before it begins');
    expect(() => descriptorOf('Ash', { comments: 'x'.repeat(1025) })).toThrow(DirectoryError);
    expect(() => descriptorOf('Ash', { published: TODAY + DAY })).toThrow('in the future');
  });
});

describe('directories', () => {
  const servers = [descriptorOf('Ash'), descriptorOf('Beech'), descriptorOf('beech2')];
  const versions = fc.array(fc.constantFrom('0.0.7', '0.0.8alpha3', '0.0.8'), { maxLength: 3 });
  const recommended = fc.subarray(['ash', 'beech', 'beech2']);
  const common = {
    recommendedServers: recommended,
    recommendedVersions: fc.record({ client: versions, server: versions }),
  };

  test('of version 0.3 are read as they were written', () => {
    const voters = fc
      .uniqueArray(string('0123456789ABCDEF', 40, 40), { minLength: 1, maxLength: 4 })
      .map((prints) => prints.sort().map((fingerprint) => ({ fingerprint, url: 'http://dir.example.net/' })));
    const made = fc.record({ ...common, status: fc.constantFrom('vote' as const, 'consensus' as const), voters });
    fc.assert(
      fc.property(made, (changes) => {
        const text = directoryText(servers, changes);
        const { fields, signatures, warnings } = readDirectoryV3(text, { clock });
        expect({ ...fields, descriptors: 3 }).toEqual({
          ...changes,
          validAfter: TODAY,
          validUntil: TODAY + DAY,
          descriptors: 3,
        });
        expect(fields.descriptors.map(({ digest }) => digest)).toEqual(servers.map(({ digest }) => digest));
        expect([signatures.length, warnings.length]).toEqual([1, 0]);
      }),
      { numRuns: 25 },
    );
  });

  test('of version 0.2 are read as they were written', () => {
    const made = fc.record({ ...common, published: fc.nat(Math.floor(TODAY / 1000)).map((seconds) => seconds * 1000) });
    fc.assert(
      fc.property(made, (changes) => {
        const whole = { ...changes, validAfter: TODAY, validUntil: TODAY + DAY, descriptors: servers };
        const { fields } = readDirectoryV2(writeDirectoryV2(whole, identity, seeded(4)), { clock });
        expect({ ...fields, descriptors: 3 }).toEqual({ ...whole, descriptors: 3 });
        expect(fields.descriptors.map(({ digest }) => digest)).toEqual(servers.map(({ digest }) => digest));
      }),
      { numRuns: 25 },
    );
  });

  test.each(['directory-0.2.txt', 'consensus-0.3.txt'])('that are damaged are refused (%s)', (file) => {
    const text = mixminionFile(file);
    const whole = Directory.parse(text, { clock });
    const damaged = damage(text).filter((changed) => cleanText(changed) !== text);
    fc.assert(
      fc.property(damaged, (changed) => {
        // A signature of the newer form covers neither the others nor itself: losing one loses a signer, nothing else.
        try {
          const directory = Directory.parse(changed, { clock });
          expect(directory.digest).toEqual(whole.digest);
          expect(whole.signers()).toEqual(expect.arrayContaining([...directory.signers()]));
          expect(directory.version).toBe('0.3');
        } catch (error) {
          expect(error).toBeInstanceOf(DirectoryError);
        }
      }),
      { numRuns: 60 },
    );
  });
});

// spec: mixminion-directory 1
describe('sections', () => {
  const entry = fc.record({ key: string('ABC-xyz', 1, 8), value: printable });
  const section: fc.Arbitrary<Section> = fc.record({
    name: string('ABC/xyz', 1, 8),
    entries: fc.array(entry, { maxLength: 5 }),
  });

  test('are read as they were written, with any line ends', () => {
    fc.assert(
      fc.property(fc.array(section, { maxLength: 5 }), fc.constantFrom('\n', '\r\n', '\r'), (sections, eol) => {
        const text = writeSections(sections);
        expect(parseSections(text.replaceAll('\n', eol))).toEqual(sections);
        expect(cleanText(text.replaceAll('\n', ` \t${eol}\t `)).trim()).toBe(text.trim());
      }),
    );
  });

  test.each([
    '',
    '\n',
    '# note\n',
    'A: 1\n',
    '[A\n',
    '[]\n',
    '[A]\n: 1\n',
    '[A]\nB\n',
    '[A]\n\nB: 1\n',
    '[A]\nB: \x7f\n',
    '[Ä]\n',
  ])('%j is refused, or empty', (text) => {
    if (text === '') expect(parseSections(text)).toEqual([]);
    else expect(() => parseSections(text)).toThrow(expect.objectContaining({ code: 'format' }));
  });

  test('a vertical tab is an octet like any other', () => {
    const sections = [{ name: 'A', entries: [{ key: 'b', value: 'c\vd' }] }];
    expect(parseSections(writeSections(sections))).toEqual(sections);
  });

  test('a header is taken by its start', () => {
    expect(parseSections(' [ A ] rest\n b :c:d \n')).toEqual([{ name: 'A', entries: [{ key: 'b', value: 'c:d' }] }]);
  });
});

describe('path specifiers', () => {
  const name = fc.oneof(nickname, string(`ab,:'"?*~\\ ./1`, 1, 8)).filter((text) => !text.endsWith('\\'));
  const element: fc.Arbitrary<PathComponent> = fc.oneof(
    name.map((text): PathComponent => ({ type: 'nickname', name: text })),
    fc.record({ type: fc.constant('random' as const), n: fc.nat(48), approx: fc.boolean() }),
  );
  const leg = fc.array(element, { minLength: 1, maxLength: 5 });

  test('are read as they were written', () => {
    fc.assert(
      fc.property(leg, fc.option(leg), fc.constantFrom('forward', 'reply', 'surb'), (first, second, kind) => {
        const swap: PathComponent = { type: 'swap' };
        const components = second === null || kind !== 'forward' ? first : [...first, swap, ...second];
        let spec: PathSpec;
        try {
          spec = new PathSpec(components, kind);
        } catch (error) {
          expect(error).toMatchObject({ code: 'path-spec' }); // too short
          return;
        }
        expect(PathSpec.parse(spec.toSpecifier(), { kind })).toEqual(spec);
      }),
    );
  });

  test('a name may hold what stands between two legs', () => {
    const spec = new PathSpec([{ type: 'nickname', name: 'a,:,b' }, { type: 'swap' }, { type: 'nickname', name: ':' }]);
    expect(spec.toSpecifier()).toBe(`'a,:,b':':'`);
    expect(PathSpec.parse(spec.toSpecifier())).toEqual(spec);
  });

  test('of any characters raise PathError only', () => {
    const text = fc.oneof(fc.string(), string(`?*~:,'"\\ab15`, 0, 12));
    fc.assert(
      fc.property(text, fc.constantFrom('forward', 'reply', 'surb'), (word, kind) =>
        mayRefuse(PathError, () => {
          const spec = PathSpec.parse(word, { kind });
          expect(PathSpec.parse(spec.toSpecifier(), { kind })).toEqual(spec);
        }),
      ),
      { numRuns: 1000 },
    );
  });
});

test('any text is an address, or raises AddressError', () => {
  const words = fc.constantFrom('drop', 'test', 'mbox:', 'smtp:', '0x', 'FFFF', '@', ':', 'a', '.b', '1F', ' ');
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 6 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (word) => mayRefuse(AddressError, () => exitOf(parseAddress(word)))),
    { numRuns: 1000 },
  );
});

test('any octets raise DirectoryError only', () => {
  const line = fc.constantFrom(
    '[Server]',
    '[Directory]',
    '[Directory-Info]',
    '[Signed-Directory]',
    'Version: 0.3',
    'A:',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(line, { maxLength: 12 }).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(text, fc.uint8Array({ maxLength: 64 }), (words, octets) => {
      mayRefuse(DirectoryError, () => parseSections(words));
      mayRefuse(DirectoryError, () => ServerDescriptor.parse(words));
      mayRefuse(DirectoryError, () => Directory.parse(words));
      mayRefuse(DirectoryError, () => Directory.parse(octets));
      mayRefuse(DirectoryError, () => Directory.parse(Buffer.concat([Buffer.of(0x1f, 0x8b), octets])));
    }),
  );
});

test('any text is a value, or raises DirectoryError', () => {
  const all: readonly kinds.Kind<unknown>[] = [
    ...[kinds.boolean, kinds.integer(), kinds.port, kinds.list, kinds.sequence, kinds.date, kinds.time],
    ...[kinds.hexadecimal, kinds.base64, kinds.identityKey, kinds.packetKey, kinds.nickname, kinds.host],
    ...[kinds.mailbox, kinds.ip, kinds.addressRule('allow'), kinds.addressRule('deny'), interval, intervalList, size],
  ];
  const text = fc.oneof(fc.string(), string('0123456789-:/. *,everyfo', 0, 24));
  fc.assert(
    fc.property(text, fc.constantFrom(...all), (value, kind) => mayRefuse(DirectoryError, () => kind(value))),
    { numRuns: 2000 },
  );
});

test('dates and times are read as they were written', () => {
  const seconds = fc.nat(4_000_000_000);
  fc.assert(
    fc.property(seconds, (at) => {
      expect(kinds.time(kinds.writeTime(at * 1000))).toBe(at * 1000);
      expect(kinds.date(kinds.writeDate(at * 1000))).toBe(at * 1000 - ((at * 1000) % DAY));
    }),
  );
});

// spec: mixminion-directory 2
test('nicknames know no case', () => {
  fc.assert(
    fc.property(nickname, nickname, (a, b) => {
      expect(kinds.isValidNickname(a)).toBe(true);
      expect(kinds.isValidNickname(`1${a}`)).toBe(false);
      expect(kinds.compareNicknames(a, a.toUpperCase())).toBe(0);
      expect(kinds.compareNicknames(a, b) + kinds.compareNicknames(b, a.toLowerCase())).toBe(0);
    }),
  );
});

// spec: mixminion-directory 11
test('without a specifier a path has about five servers', () => {
  expect(PathSpec.parse().toString()).toBe('?,~4');
  expect(PathSpec.parse(undefined, { kind: 'surb' }).toString()).toBe('~5');
});
