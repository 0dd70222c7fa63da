// What a directory answers, whose signatures it asks for, and how the votes of directory servers become one.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  clock,
  descriptorOf,
  directoryOf,
  directoryText,
  fieldsOf,
  identity,
  seeded,
  TODAY,
} from '../../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../../test/support/vectors.ts';
import { DAY, HOUR, SECOND, VirtualClock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { computeConsensus } from './consensus.ts';
import { ServerDescriptor } from './descriptor.ts';
import { Directory, type DirectoryServer } from './directory.ts';
import { type DirectoryV2Fields, writeDirectoryV2 } from './directory-v2.ts';
import type { DirectoryV3Fields } from './directory-v3.ts';

const signatureError = expect.objectContaining({ name: 'DirectoryError', code: 'signature' });
const knownServer = (fingerprint: string): DirectoryServer => ({ name: 'dir', url: 'http://x.example/', fingerprint });

let others: RsaPrivateKey[];
beforeAll(async () => {
  others = await Promise.all([1, 2, 3].map(() => RsaPrivateKey.generate(2048)));
});

// spec: mixminion-directory 4, 5
describe('signatures', () => {
  const servers = [descriptorOf('Ash')];

  test('of more than half of the known servers are needed for version 0.3', () => {
    const known = [identity, ...others].map((key) => knownServer(key.publicKey.fingerprint.toLowerCase()));
    const parse = (signers: RsaPrivateKey[]) =>
      Directory.parse(directoryText(servers, {}, signers), { clock, knownServers: known });
    expect(parse([identity, ...others]).signers()).toHaveLength(4);
    expect(parse([identity, ...others.slice(0, 2)]).signers()).toHaveLength(3);
    expect(() => parse([identity, ...others.slice(0, 1)])).toThrow(signatureError); // half of four
    expect(() => parse([identity, identity, identity])).toThrow(signatureError); // one signer, three times
    expect(() => parse([])).toThrow(signatureError);
  });

  test('of strangers do when nobody in particular is known, but there has to be one', () => {
    expect(Directory.parse(directoryText(servers), { clock }).signers()).toEqual([
      { fingerprint: identity.publicKey.fingerprint, url: 'http://dir.example.net/' },
    ]);
    expect(() => Directory.parse(directoryText(servers, {}, []), { clock })).toThrow(signatureError);
    expect(Directory.parse(directoryText(servers, {}, []), { clock, validate: false }).signers()).toEqual([]);
  });

  test('over another text are passed over with a warning', () => {
    const text = directoryText(servers);
    const strange = directoryText([descriptorOf('Beech')]);
    const both = `${strange.slice(0, strange.indexOf('[Directory-Info]'))}${text}`;
    const directory = Directory.parse(both, { clock });
    expect(directory.signers()).toHaveLength(1);
    expect(directory.warnings).toEqual(['1 signatures are over another text']);
  });

  test('of version 0.2 have to be of a known server', () => {
    const text = mixminionFile('directory-0.2.txt');
    const [signer] = Directory.parse(text, { clock }).signers();
    const trusted = [knownServer(signer?.fingerprint ?? ''), knownServer('00'.repeat(20))];
    expect(Directory.parse(text, { clock, knownServers: trusted }).descriptorCount).toBe(7);
    expect(() => Directory.parse(text, { clock, knownServers: trusted.slice(1) })).toThrow(signatureError);
  });

  test('of descriptors count whatever else is let pass', () => {
    const text = directoryText(servers).replace('Contact: op@', 'Contact: qp@');
    expect(() => Directory.parse(text, { clock, validate: false })).toThrow(signatureError);
  });

  test('of descriptors that an earlier directory had are not verified again', () => {
    const ash = descriptorOf('Ash');
    // The signature line is no part of the digest: only who skips the check does not see that it is wrong.
    const damaged = ash.text.replace(/^Signature: .{8}/m, 'Signature: AAAAAAAA');
    const info = directoryText([ash]).replace(ash.text, damaged);
    expect(() => Directory.parse(info, { clock, validate: false })).toThrow(signatureError);
    const previous = directoryOf([ash]);
    expect(Directory.parse(info, { clock, validate: false, previous }).descriptorCount).toBe(1);
  });
});

describe('reading', () => {
  test('takes text, octets, gzip and files', async () => {
    const text = mixminionFile('consensus-0.3.txt');
    const digest = Directory.parse(text, { clock }).digest;
    expect(Directory.parse(Buffer.from(text), { clock }).digest).toEqual(digest);
    expect(Directory.parse(new Uint8Array(gzipSync(text)), { clock }).digest).toEqual(digest);
    const folder = await mkdtemp(join(tmpdir(), 'postern-directory-'));
    try {
      await writeFile(join(folder, 'dir.gz'), gzipSync(text));
      expect((await Directory.load(join(folder, 'dir.gz'), { clock })).digest).toEqual(digest);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('warns of what is odd', () => {
    const late = new VirtualClock(TODAY + 3 * DAY);
    expect(Directory.parse(directoryText([descriptorOf('Ash')]), { clock: late }).warnings).toEqual([
      'the directory is not valid today',
    ]);
    const ash = ServerDescriptor.build(descriptorOf('Ash').fields, others[0] ?? identity, {
      random: { bytes: (count) => Buffer.alloc(count) },
      clock,
    });
    const changed = Directory.parse(directoryText([ash]), { clock, previous: directoryOf([descriptorOf('ash')]) });
    expect(changed.warnings).toEqual(['Ash has more than one identity key']);
    const unknown = directoryText([descriptorOf('Ash')]).replace('[Recommended-', '[Other]\nA: 1\n[Recommended-');
    expect(Directory.parse(unknown, { clock, validate: false }).warnings).toContain('section [Other] is unknown');
  });

  // spec: mixminion-directory 4, 5
  test('takes no directory of the future, and none that ends before it begins', () => {
    const written = (changes: Partial<DirectoryV2Fields>) => {
      const plain = { published: TODAY, validAfter: TODAY, validUntil: TODAY + DAY, recommendedServers: [] };
      const recommendedVersions = { client: [], server: [] };
      const fields = { ...plain, recommendedVersions, descriptors: [descriptorOf('Ash')], ...changes };
      return writeDirectoryV2(fields, identity, seeded(1));
    };
    const read = (text: string) => () => Directory.parse(text, { clock });
    expect(read(written({ published: clock.now() + 600 * SECOND }))().descriptorCount).toBe(1);
    expect(read(written({ published: clock.now() + 601 * SECOND }))).toThrow('in the future');
    expect(read(written({ validUntil: TODAY }))).toThrow('before it begins');
    expect(read(directoryText([], { validUntil: TODAY }))).toThrow('before it begins');
  });

  test('knows nothing of other versions and states', () => {
    const text = directoryText([]);
    const parse = (from: string, to: string) => () => Directory.parse(text.replace(from, to), { clock });
    expect(parse('Version: 0.3', 'Version: 0.4')).toThrow('version 0.4');
    expect(parse('consensus', 'guess')).toThrow('status');
    expect(parse('Directory-Digest:', 'Directory-Other: 1\nDirectory-Digest:')).toThrow('only [Signed-Directory]');
    expect(parse('[Directory-Info]', '[Directory]')).toThrow(expect.objectContaining({ name: 'DirectoryError' }));
  });
});

describe('looking for servers', () => {
  const early = descriptorOf('Ash', { validAfter: TODAY - 9 * DAY, published: TODAY - 9 * DAY });
  const late = descriptorOf('Ash', { validUntil: TODAY + 60 * DAY });
  const relay = descriptorOf('Beech', { smtp: undefined, mbox: undefined, maximumFragments: undefined });
  const directory = Directory.parse(directoryText([early, late, relay], { recommendedServers: ['ash'] }), { clock });

  test('by each filter, and by all of them', () => {
    expect(directory.getServers()).toHaveLength(3);
    expect(directory.getServers({ nickname: 'ASH' })).toHaveLength(2);
    expect(directory.getServers({ capabilities: { relay: true } })).toHaveLength(3);
    expect(directory.getServers({ capabilities: { email: true } })).toHaveLength(2);
    expect(directory.getServers({ capabilities: { mbox: true, frag: true, relay: false } })).toHaveLength(2);
    expect(directory.getServers({ capabilities: { news: true } })).toEqual([]);
    expect(directory.getServers({ validBy: TODAY }).map(({ digest }) => digest)).toEqual([early.digest]);
    expect(directory.getServers({ validBy: new Date(TODAY + 1) })).toHaveLength(3);
    expect(directory.getServers({ validUntil: TODAY + 60 * DAY }).map(({ digest }) => digest)).toEqual([late.digest]);
    expect(directory.getServers({ recommendedOnly: true, validUntil: TODAY + 31 * DAY })).toHaveLength(1);
  });

  test('by name, the latest that holds', () => {
    expect(directory.find('ash')?.digest).toEqual(late.digest);
    expect(directory.find('ash', TODAY - DAY, TODAY + DAY)?.digest).toEqual(early.digest);
    expect(directory.find('ash', TODAY + 31 * DAY, TODAY + 61 * DAY)).toBeUndefined();
    expect(directory.find('elm')).toBeUndefined();
  });
});

describe('a descriptor', () => {
  // spec: mixminion-directory 3.4
  test('is superseded when later ones cover all of its days', () => {
    const span = (from: number, until: number, published: number) =>
      descriptorOf('Ash', {
        validAfter: TODAY + from * DAY,
        validUntil: TODAY + until * DAY,
        published: TODAY - DAY + published * HOUR,
      });
    const old = span(0, 30, 0);
    expect(old.isSupersededBy([span(0, 30, 1)])).toBe(true);
    expect(old.isSupersededBy([span(15, 40, 2), span(-5, 15, 1)])).toBe(true);
    expect(old.isSupersededBy([span(16, 40, 2), span(-5, 15, 1)])).toBe(false); // a day between the two
    expect(old.isSupersededBy([span(0, 29, 1)])).toBe(false);
    expect(old.isSupersededBy([span(0, 30, 0), old])).toBe(false);
    expect(old.isSupersededBy([descriptorOf('Beech')])).toBe(false);
  });

  // spec: mixminion-directory 10; mixminion-e2e 6.4
  test('takes what its limits let it take', () => {
    const address = { type: 'email', address: 'a@example.org' } as const;
    const exit = descriptorOf('Ash', { smtp: { maximumSize: 40, allowFrom: false }, maximumFragments: 3 });
    expect(exit.supportsAddress(address, { size: 1024 * 1024 })).toBe(true); // each packet alone holds no more than 32
    expect(exit.supportsAddress(address, { size: 40 * 1024, packets: 3 })).toBe(true);
    expect(exit.supportsAddress(address, { size: 40 * 1024 + 1, packets: 3 })).toBe(false);
    expect(exit.supportsAddress(address, { packets: 4 })).toBe(false);
    expect(exit.supportsAddress(address, { headers: { FROM: 'me' } })).toBe(false);
    expect(exit.supportsAddress(address, { headers: { SUBJECT: 'x', FROM: undefined } })).toBe(true);
    const old = descriptorOf('Ash', { software: 'Mixminion 0.0.5alpha1' });
    expect(old.supportsAddress(address, { headers: { SUBJECT: 'x' } })).toBe(false);
    expect(old.supportsAddress(address)).toBe(true);
    expect(descriptorOf('Ash', { smtp: undefined }).supportsAddress(address)).toBe(false);
    expect(descriptorOf('Ash', { smtp: undefined }).supportsAddress({ type: 'drop' })).toBe(true);
  });

  // spec: mixminion-directory 1, 3.1
  test('has keys of the right size, and no section twice', async () => {
    const [small, large] = await Promise.all([RsaPrivateKey.generate(1024), RsaPrivateKey.generate(2056)]);
    const value = expect.objectContaining({ name: 'DirectoryError', code: 'value' });
    for (const { publicKey } of [small, large])
      expect(() => descriptorOf('Ash', { packetKey: publicKey })).toThrow(value);
    const signedBy = (key: RsaPrivateKey) => ServerDescriptor.build(fieldsOf('Ash'), key, { random: seeded(1), clock });
    expect(signedBy(large).identityKey.bits).toBe(2056);
    expect(() => signedBy(small)).toThrow(value);
    const twice = `${descriptorOf('Ash').text}${'[Other]\nA: 1\n'.repeat(2)}`;
    expect(() => ServerDescriptor.parse(twice, { clock, validate: false })).toThrow('there twice');
  });

  test('gives its raw lines', () => {
    const rules = [
      { key: 'Allow' as const, value: '*' },
      { key: 'Allow' as const, value: '10.0.0.1 1-2' },
    ];
    const ash = descriptorOf('Ash', { outgoing: { protocols: ['0.3'], rules } });
    expect(ash.getFields('Outgoing/MMTP', 'Allow')).toEqual(['*', '10.0.0.1 1-2']);
    expect(ash.getField('Server', 'Contact')).toBe('op@example.org');
    expect(ash.getField('Server', 'Comments')).toBeUndefined();
    expect(ash.getFields('Nowhere', 'Contact')).toEqual([]);
  });
});

// spec: mixminion-directory 7
describe('a consensus', () => {
  const voters = ['A', 'B', 'C', 'D'].map((letter) => ({ fingerprint: letter.repeat(40), url: 'http://x.example/' }));
  const vote = (changes: Partial<DirectoryV3Fields>): DirectoryV3Fields => ({
    status: 'vote',
    validAfter: TODAY,
    validUntil: TODAY + DAY,
    recommendedServers: [],
    recommendedVersions: { client: [], server: [] },
    voters,
    descriptors: [],
    ...changes,
  });
  const compute = (...votes: DirectoryV3Fields[]) => computeConsensus(votes, { voters, day: TODAY });

  test('needs more than half of all voters, also of an even number and of those who did not vote', () => {
    const yes = vote({ recommendedServers: ['ash'], recommendedVersions: { client: ['0.0.8', '0.0.7'], server: [] } });
    expect(compute(yes, yes).recommendedServers).toEqual([]);
    expect(compute(yes, yes, yes).recommendedServers).toEqual(['ash']);
    expect(compute(yes, yes, yes).recommendedVersions.client).toEqual(['0.0.7', '0.0.8']);
  });

  test('has every useful descriptor of the servers that a majority lists', () => {
    const one = descriptorOf('Ash', { validUntil: TODAY + 10 * DAY });
    const two = descriptorOf('Ash', { validAfter: TODAY + 9 * DAY, validUntil: TODAY + 40 * DAY });
    const over = descriptorOf('Ash', { validAfter: TODAY - 9 * DAY, validUntil: TODAY - DAY });
    const far = descriptorOf('Ash', { validAfter: TODAY + 31 * DAY, validUntil: TODAY + 40 * DAY });
    const result = compute(
      vote({ descriptors: [one, over] }),
      vote({ descriptors: [two] }),
      vote({ descriptors: [far] }),
    );
    expect(result.descriptors.map(({ digest }) => digest)).toEqual([one.digest, two.digest]);
    expect(compute(vote({ descriptors: [one] }), vote({ descriptors: [two] })).descriptors).toEqual([]);
  });

  test('leaves out an identity that goes by two names', () => {
    const votes = [1, 2, 3].map(() => vote({ descriptors: [descriptorOf('Ash'), descriptorOf('Beech')] }));
    expect(compute(...votes).descriptors).toEqual([]); // all test servers share one key
  });
});
