// What the original program made and refused, read here with the same outcome: test/fixtures/mixminion/addresses.json
// and descriptors.json with its files.

import { describe, expect, test } from 'vitest';
import { hex, mixminionFile, mixminionVectors } from '../../../test/support/vectors.ts';
import { systemRandom } from '../../base/random.ts';
import { type Clock, DAY, SECOND, VirtualClock } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { isHostname, isMailbox, RoutingType, relayTo } from '../packet/routing.ts';
import { exitOf, parseAddress } from './address.ts';
import { computeConsensus } from './consensus.ts';
import { ServerDescriptor } from './descriptor.ts';
import { writeDescriptor } from './descriptor-write.ts';
import { Directory } from './directory.ts';
import { readDirectoryV2, writeDirectoryV2 } from './directory-v2.ts';
import { readDirectoryV3, writeDirectoryInfo, writeDirectoryV3 } from './directory-v3.ts';
import { AddressError, DirectoryError, PathError } from './errors.ts';
import { type PathElement, type PathKind, PathSpec } from './path-spec.ts';
import { interval, intervalList, size } from './setting-kinds.ts';
import * as kinds from './value-kinds.ts';

interface Outcome {
  readonly in: string;
  readonly error?: string;
}
interface AddressVectors {
  readonly address: readonly (Outcome & {
    exit_type: string | number;
    routing_type: number;
    routing_info: string;
    last_hop: string | null;
    suppress_tag: boolean;
  })[];
  readonly path: readonly (Outcome & {
    mode: PathKind;
    late_split: boolean;
    path1: string[];
    path2: string[];
    str: string | null;
  })[];
  readonly smtp: readonly { in: string; ok: boolean }[];
  readonly hostname: readonly { in: string; ok: boolean }[];
  readonly config: readonly (Outcome & { kind: string; out: unknown })[];
}
interface DescriptorVectors {
  readonly now: number;
  readonly descriptors: readonly {
    file: string;
    nickname: string;
    hostname: string;
    port: number;
    caps: string[];
    digest: string;
    key_digest: string;
    identity_fingerprint: string;
    packet_key_der: string;
    routing_info: string;
    published: number;
    valid_after: number;
    valid_until: number;
    sections: Record<string, Record<string, string | number>>;
  }[];
  readonly directories: readonly {
    file?: string;
    of?: string;
    version?: string;
    digest?: string;
    servers?: string[];
    good_servers?: string[];
    recommended?: string[];
    identity_fingerprint?: string;
    client_versions?: string[];
    server_versions?: string[];
    signers?: [string, string][];
    voters?: [string, string][];
    valid_after?: number;
    valid_until?: number;
    votes?: string[];
    text_change?: [string, string];
  }[];
  readonly tampered: readonly { name: string; text: string; result: string }[];
}

const addresses = mixminionVectors<AddressVectors>('addresses');
const vectors = mixminionVectors<DescriptorVectors>('descriptors');
const clock: Clock = new VirtualClock(vectors.now * SECOND);
const fileOf = (path: string) => mixminionFile(path.replace('files/', ''));

describe('addresses.json', () => {
  // spec: mixminion-directory 10
  test.each(addresses.address)('address "$in"', (vector) => {
    if (vector.error !== undefined) return expect(() => parseAddress(vector.in)).toThrow(AddressError);
    const address = parseAddress(vector.in);
    expect(exitOf(address)).toEqual({
      routingType: vector.routing_type,
      routingInfo: hex(vector.routing_info),
      tagged: !vector.suppress_tag,
      ...(vector.last_hop === null ? {} : { lastHop: vector.last_hop }),
    });
    const types = { email: 'smtp', mbox: 'mbox', drop: 'drop', other: vector.routing_type, news: '', reply: '' };
    expect(types[address.type]).toBe(vector.exit_type);
  });

  // spec: mixminion-directory 11
  test.each(addresses.path)('path "$in" for $mode', (vector) => {
    const parse = () => PathSpec.parse(vector.in, { kind: vector.mode });
    if (vector.error !== undefined) return expect(parse).toThrow(PathError);
    const spec = parse();
    expect(spec.lateSplit).toBe(vector.late_split);
    expect(spec.path1.map(shown)).toEqual(vector.path1);
    expect(spec.path2.map(shown)).toEqual(vector.path2);
    expect(spec.toString()).toBe(vector.str ?? '?,~0'); // null: the original failed to show it
    expect(PathSpec.parse(spec.toSpecifier(), { kind: vector.mode })).toEqual(spec);
  });

  test.each(addresses.smtp)('mailbox "$in"', (vector) => expect(isMailbox(vector.in)).toBe(vector.ok));
  test.each(addresses.hostname)('host name "$in"', (vector) => expect(isHostname(vector.in)).toBe(vector.ok));

  // spec: mixminion-directory 1, 2
  test.each(addresses.config)('$kind "$in"', (vector) => {
    const kind = settings[vector.kind];
    if (kind === undefined) throw new Error(`no kind ${vector.kind}`);
    if (vector.in === '2 G') return expect(() => kind(vector.in)).toThrow(DirectoryError); // better than two octets
    if (vector.error !== undefined) expect(() => kind(vector.in)).toThrow(DirectoryError);
    else expect(kind(vector.in)).toEqual(vector.out);
  });
});

const settings: Readonly<Record<string, (text: string) => unknown>> = {
  interval: (text) => interval(text) / SECOND,
  intervalList: (text) => intervalList(text).map((step) => step / SECOND),
  size,
  boolean: kinds.boolean,
  nickname: kinds.nickname,
  date: (text) => kinds.date(text) / SECOND,
  time: (text) => kinds.time(text) / SECOND,
  host: kinds.host,
  ip: kinds.ip,
  email: kinds.mailbox,
  int: kinds.integer(),
  list: kinds.list,
  seq: kinds.sequence,
  hex: (text) => kinds.hexadecimal(text).toString('hex'),
};

function shown(element: PathElement): string {
  if (element.type === 'nickname') return `ServerPathElement('${element.name}')`;
  if (element.type === 'descriptor') return element.server.nickname;
  const count = element.approx ? `approx=${element.n}` : element.n === 0 ? 'approx=None' : `n=${element.n}`;
  return `RandomServersPathElement(${count})`;
}

describe('descriptors.json', () => {
  // spec: mixminion-directory 3.1, 3.4
  test.each(vectors.descriptors)('the values in $file', (vector) => {
    const { descriptor, rest } = ServerDescriptor.parse(fileOf(vector.file), { clock });
    expect(rest).toBe('');
    expect(descriptor.warnings).toEqual([]);
    expect(descriptor.nickname).toBe(vector.nickname);
    expect(descriptor.digest).toEqual(hex(vector.digest));
    expect(descriptor.fingerprint).toBe(vector.identity_fingerprint);
    expect(descriptor.keyId).toEqual(hex(vector.key_digest));
    expect(descriptor.packetKey.toDer()).toEqual(hex(vector.packet_key_der));
    expect(descriptor.capabilities).toEqual(vector.caps);
    expect(descriptor.published.getTime()).toBe(vector.published * SECOND);
    expect(descriptor.lifespan.from.getTime()).toBe(vector.valid_after * SECOND);
    expect(descriptor.lifespan.until.getTime()).toBe(vector.valid_until * SECOND);
    const hop = { form: 'host', host: vector.hostname, port: vector.port, keyId: descriptor.keyId } as const;
    expect({ host: descriptor.hostname, port: descriptor.port }).toEqual({ host: hop.host, port: hop.port });
    expect(relayTo(hop, false)).toEqual({
      routingType: RoutingType.FWD_HOST,
      routingInfo: hex(vector.routing_info),
    });
    for (const [section, entries] of Object.entries(vector.sections))
      for (const [key, value] of Object.entries(entries))
        expect(`${key}: ${asStated(key, descriptor.getField(section, key) ?? '')}`).toBe(`${key}: ${value}`);
  });

  // spec: mixminion-directory 3.2
  test.each(vectors.descriptors)('$file is written again line for line', async ({ file }) => {
    const text = fileOf(file);
    const { descriptor } = ServerDescriptor.parse(text, { clock });
    const identity = await RsaPrivateKey.generate(2048);
    const written = writeDescriptor(descriptor.fields, identity, systemRandom);
    const own = /^(Identity|Digest|Signature|Key-Digest):.*$/gm;
    expect(written.replace(own, '$1')).toBe(text.replace(own, '$1'));
    const again = ServerDescriptor.parse(written, { clock }).descriptor;
    expect(asData(again.fields)).toEqual(asData(descriptor.fields));
    expect(again.identityKey.fingerprint).toBe(identity.publicKey.fingerprint);
  });

  // spec: mixminion-directory 3.1, 3.3
  test.each(vectors.tampered)('a descriptor that is $name: $result', ({ text, result }) => {
    const parse = () => ServerDescriptor.parse(text, { clock });
    if (result === 'ok') expect(parse().descriptor.nickname).toBe('Amber');
    else expect(parse).toThrow(DirectoryError);
  });
});

/** Our raw text in the form in which the vectors state the value. */
function asStated(key: string, text: string): string {
  if (key === 'Published') return `${(kinds.time(text) / SECOND).toFixed(1)}`;
  if (/^Valid-/.test(key)) return String(kinds.date(text) / SECOND);
  if (/^(Secure-Configuration|Allow-From)$/.test(key)) return String(Number(kinds.boolean(text)));
  if (/^(Protocols|Packet-Versions)$/.test(key)) return `['${kinds.list(text).join("', '")}']`;
  return text;
}

function asData<T extends { packetKey: { fingerprint: string } }>(fields: T): object {
  return { ...fields, packetKey: fields.packetKey.fingerprint };
}

// spec: mixminion-directory 4, 5, 7
describe('the directories of descriptors.json', () => {
  for (const vector of vectors.directories) {
    if (vector.file === undefined) continue;
    const text = fileOf(vector.file);

    test(`the values in ${vector.file}`, () => {
      const directory = Directory.parse(text, { clock });
      expect(directory.warnings).toEqual([]);
      expect(directory.version).toBe(vector.version);
      expect(directory.digest.toString('hex')).toBe(vector.digest);
      expect(directory.descriptors.map(({ nickname }) => nickname)).toEqual(vector.servers);
      expect(directory.recommendedNicknames).toEqual(vector.recommended);
      expect(directory.isCurrent()).toBe(true);
      expect(directory.isCurrent(clock.now() + 2 * DAY)).toBe(false);
      if (vector.good_servers)
        expect(directory.getServers({ recommendedOnly: true }).map(({ nickname }) => nickname)).toEqual(
          vector.good_servers,
        );
      if (vector.identity_fingerprint)
        expect(directory.signers()).toEqual([{ fingerprint: vector.identity_fingerprint }]);
      if (vector.signers) expect(directory.signers()).toEqual(vector.signers.map(namedVoter));
      if (vector.voters) expect(directory.voters).toEqual(vector.voters.map(namedVoter));
      if (vector.client_versions) expect(directory.recommendedVersions.client).toEqual(vector.client_versions);
      if (vector.server_versions) expect(directory.recommendedVersions.server).toEqual(vector.server_versions);
      if (vector.valid_after) expect(directory.lifespan.from.getTime()).toBe(vector.valid_after * SECOND);
      if (vector.valid_until) expect(directory.lifespan.until.getTime()).toBe(vector.valid_until * SECOND);
    });

    if (vector.version === '0.2')
      test(`${vector.file} is written again line for line`, async () => {
        const identity = await RsaPrivateKey.generate(2048);
        const { fields } = readDirectoryV2(text, { clock });
        const names = /^Recommended-Servers:.*$/m.exec(text)?.[0].slice('Recommended-Servers: '.length).split(', ');
        const written = writeDirectoryV2({ ...fields, recommendedServers: names ?? [] }, identity, systemRandom);
        const own = /^Directory(Identity|Digest|Signature):.*$/gm;
        expect(written.replace(own, '$1')).toBe(text.replace(own, '$1'));
        expect(Directory.parse(written, { clock }).signers()).toEqual([identity.publicKey.fingerprint].map(signedBy));
      });

    if (vector.votes)
      test(`${vector.file} is written again, and computed from its votes, octet for octet`, () => {
        const { fields, signatures } = readDirectoryV3(text, { clock });
        expect(writeDirectoryV3(writeDirectoryInfo(fields), signatures)).toBe(text);
        const votes = (vector.votes ?? []).map((file) => readDirectoryV3(fileOf(file), { clock }).fields);
        const computed = computeConsensus(votes, { voters: fields.voters, day: fields.validAfter });
        expect(writeDirectoryInfo(computed)).toBe(writeDirectoryInfo(fields));
        for (const file of vector.votes ?? []) {
          expect(() => Directory.parse(fileOf(file), { clock })).toThrow('this is a vote');
          expect(Directory.parse(fileOf(file), { clock, validate: false }).signers()).toHaveLength(1);
        }
      });
  }

  for (const { of, text_change: [from, to] = ['', ''] } of vectors.directories)
    if (of !== undefined)
      test(`${of} with "${to}" in the place of "${from}" is refused`, () => {
        const changed = fileOf(of).replace(from, to);
        expect(changed).not.toBe(fileOf(of));
        expect(() => Directory.parse(changed, { clock })).toThrow(
          expect.objectContaining({ name: 'DirectoryError', code: 'signature' }),
        );
      });
});

test('the vectors have what these tests count on', () => {
  expect(vectors.directories.filter(({ votes }) => votes)).toHaveLength(1);
  expect(vectors.tampered.filter(({ result }) => result === 'ok').length).toBeGreaterThan(4);
});

function namedVoter([fingerprint, url]: [string, string]): { fingerprint: string; url: string } {
  return { fingerprint, url };
}

function signedBy(fingerprint: string): { fingerprint: string } {
  return { fingerprint };
}
