// addresses.json, descriptors.json and mmtp.json of the original program, through the public face alone.

import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hex, mixminionFile, mixminionVectors } from '../../../test/support/vectors.ts';
import {
  compareNicknames,
  Directory,
  isValidNickname,
  Mix3BadArgsError,
  Mix3BadFormatError,
  Mix3BadSignatureError,
  type PathElement,
  type PathKind,
  PathSpec,
  parseAddress,
  primitives,
  ServerDescriptor,
  VirtualClock,
} from './index.ts';

const { sha256, keystream } = primitives;
const digest = (octets: Uint8Array) => sha256(octets).toString('hex');
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');

describe('addresses.json', () => {
  const vectors = mixminionVectors<{
    address: {
      in: string;
      error?: string;
      routing_type: number;
      routing_info: string;
      last_hop: string | null;
      suppress_tag: boolean;
    }[];
    path: {
      in: string;
      mode: PathKind;
      error?: string;
      late_split: boolean;
      path1: string[];
      path2: string[];
      str: string | null;
    }[];
    smtp: { in: string; ok: boolean }[];
    hostname: { in: string; ok: boolean }[];
    config: { in: string; kind: string; out: unknown; error?: string }[];
  }>('addresses');

  test('recipients, mailboxes, host names', () => {
    for (const { in: text, error, ...stated } of vectors.address) {
      if (error !== undefined) {
        expect(() => parseAddress(text)).toThrow(Mix3BadArgsError);
        continue;
      }
      const { routingType, routingInfo, tagged, lastHop = null } = primitives.exitOf(parseAddress(text));
      expect([routingType, hexOf(routingInfo), !tagged, lastHop]).toEqual([
        stated.routing_type,
        stated.routing_info,
        stated.suppress_tag,
        stated.last_hop,
      ]);
    }
    for (const { in: text, ok } of vectors.smtp) expect(primitives.isMailbox(text)).toBe(ok);
    for (const { in: text, ok } of vectors.hostname) expect(primitives.isHostname(text)).toBe(ok);
  });

  test('path specifiers', () => {
    const shown = (element: PathElement) => {
      if (element.type === 'nickname') return `ServerPathElement('${element.name}')`;
      if (element.type === 'descriptor') return element.server.nickname;
      const count = element.approx ? `approx=${element.n}` : element.n === 0 ? 'approx=None' : `n=${element.n}`;
      return `RandomServersPathElement(${count})`;
    };
    for (const { in: text, mode: kind, error, late_split, path1, path2, str } of vectors.path) {
      if (error !== undefined) {
        expect(() => PathSpec.parse(text, { kind })).toThrow(Mix3BadArgsError);
        continue;
      }
      const spec = PathSpec.parse(text, { kind });
      expect([spec.lateSplit, spec.path1.map(shown), spec.path2.map(shown)]).toEqual([late_split, path1, path2]);
      if (str !== null) expect(spec.toString()).toBe(str);
    }
  });

  test('values of the configuration language', () => {
    const { valueKinds: kinds, settingKinds } = primitives;
    const readers: Record<string, (text: string) => unknown> = {
      interval: (text) => settingKinds.interval(text) / 1000,
      intervalList: (text) => settingKinds.intervalList(text).map((step) => step / 1000),
      size: settingKinds.size,
      boolean: kinds.boolean,
      nickname: kinds.nickname,
      date: (text) => kinds.date(text) / 1000,
      time: (text) => kinds.time(text) / 1000,
      host: kinds.host,
      ip: kinds.ip,
      email: kinds.mailbox,
      int: kinds.integer(),
      list: kinds.list,
      seq: kinds.sequence,
      hex: (text) => hexOf(kinds.hexadecimal(text)),
    };
    for (const { in: text, kind, out, error } of vectors.config) {
      const read = () => readers[kind]?.(text);
      if (text === '2 G')
        expect(read).toThrow(primitives.DirectoryError); // the original read two octets
      else if (error === undefined) expect(read()).toEqual(out);
      else expect(read).toThrow(primitives.DirectoryError);
    }
  });
});

describe('descriptors.json', () => {
  const vectors = mixminionVectors<{
    now: number;
    descriptors: (Record<
      'file' | 'nickname' | 'hostname' | 'digest' | 'key_digest' | 'packet_key_der' | 'routing_info',
      string
    > & { port: number; caps: string[]; published: number; valid_after: number; valid_until: number })[];
    directories: {
      file?: string;
      of?: string;
      version?: string;
      digest?: string;
      servers?: string[];
      recommended?: string[];
      signers?: [string, string][];
      votes?: string[];
      text_change?: [string, string];
    }[];
    tampered: { name: string; text: string; result: string }[];
  }>('descriptors');
  const clock = new VirtualClock(vectors.now * 1000);
  const textOf = (path: string) => mixminionFile(path.replace('files/', ''));

  test('descriptors', () => {
    for (const vector of vectors.descriptors) {
      const { descriptor } = ServerDescriptor.parse(textOf(vector.file), { clock });
      const { nickname, hostname, port, keyId, lifespan } = descriptor;
      expect([nickname, hostname, port]).toEqual([vector.nickname, vector.hostname, vector.port]);
      expect([descriptor.digest, keyId].map(hexOf)).toEqual([vector.digest, vector.key_digest]);
      expect(hexOf(descriptor.packetKey.toDer())).toBe(vector.packet_key_der);
      expect(hexOf(primitives.relayTo(primitives.nodeOf(descriptor).address, false).routingInfo)).toBe(
        vector.routing_info,
      );
      expect(descriptor.capabilities).toEqual(vector.caps);
      expect([descriptor.published, lifespan.from, lifespan.until].map((when) => Number(when) / 1000)).toEqual([
        vector.published,
        vector.valid_after,
        vector.valid_until,
      ]);
    }
    for (const { text, result } of vectors.tampered) {
      if (result === 'ok') expect(ServerDescriptor.parse(text, { clock }).rest).toBe('');
      else expect(() => ServerDescriptor.parse(text, { clock })).toThrow(Mix3BadFormatError);
    }
  });

  // spec: mixminion-client-api 4
  test('what a descriptor is asked', () => {
    const [amber, birch] = ['Amber', 'Birch'].map((name) => mixminionFile(`desc-${name}.txt`));
    const { descriptor, rest } = ServerDescriptor.parse(`${amber}${birch}`, { clock });
    expect(rest).toBe(birch);
    expect(descriptor.getField('Incoming/MMTP', 'Port')).toBe(String(descriptor.port));
    expect([descriptor.getField('Server', 'Nothing'), descriptor.getFields('Nothing', 'Port')]).toEqual([
      undefined,
      [],
    ]);
    const words = { smtp: 'email', mbox: 'mbox', relay: 'relay', frag: 'frag' } as const;
    for (const [word, capability] of Object.entries(words))
      expect(descriptor.hasCapabilities({ [capability]: true })).toBe(descriptor.capabilities.includes(word));
    expect([{}, { news: true }, { relay: false }].map((wanted) => descriptor.hasCapabilities(wanted))).toEqual([
      true,
      false,
      true,
    ]);
    expect(descriptor.supportsAddress({ type: 'news', address: 'alt.test' })).toBe(false);
    expect([compareNicknames('amber', 'Birch'), compareNicknames('AMBER', 'amber')]).toEqual([-1, 0]);
    expect(['Amber', 'A-1', '1A', ''].map(isValidNickname)).toEqual([true, true, false, false]);
    const tampered = `${amber}`.replace('Contact: op', 'Contact: oq');
    expect(() => ServerDescriptor.parse(tampered, { clock })).toThrow(Mix3BadSignatureError);
    expect(ServerDescriptor.parse(tampered, { clock, validate: false }).descriptor.nickname).toBe('Amber');
  });

  test('directories, votes and the consensus', () => {
    for (const { file, of, version, digest: stated, servers, recommended, votes, ...vector } of vectors.directories) {
      if (of !== undefined) {
        const [from, to] = vector.text_change ?? ['', ''];
        expect(() => Directory.parse(textOf(of).replace(from, to), { clock })).toThrow(Mix3BadSignatureError);
        continue;
      }
      const text = textOf(file ?? '');
      const directory = Directory.parse(text, { clock });
      expect(directory.version).toBe(version);
      if (stated !== undefined) expect(hexOf(directory.digest)).toBe(stated);
      expect(directory.descriptors.map(({ nickname }) => nickname)).toEqual(servers);
      expect(directory.recommendedNicknames).toEqual(recommended);
      if (vector.signers)
        expect(directory.signers().map(({ fingerprint, url }) => [fingerprint, url])).toEqual(vector.signers);
      if (votes === undefined) continue;
      const { fields, signatures } = primitives.readDirectoryV3(text, { clock });
      const read = votes.map((vote) => primitives.readDirectoryV3(textOf(vote), { clock }).fields);
      const computed = primitives.computeConsensus(read, { voters: fields.voters, day: fields.validAfter });
      expect(primitives.writeDirectoryV3(primitives.writeDirectoryInfo(computed), signatures)).toBe(text);
    }
  });
});

test('mmtp.json', () => {
  const { hashes, packet_streams, transcripts, ...link } = mixminionVectors<{
    hashes: Record<string, string>;
    packet_streams: string[];
    cert_chain_pem: string;
    key_digest: string;
    transcripts: { direction_log: { from: string; data: { pieces: string[][]; sha256: string } }[] }[];
  }>('mmtp');
  const { mmtpWire: wire } = primitives;
  const body = keystream(hex(hashes['packet_stream'] ?? ''), wire.BODY_LENGTH);
  const hashOf = (octets: Buffer) => hexOf(octets.subarray(-20));
  for (const kind of ['SEND', 'JUNK'] as const) {
    const unit = { kind, body };
    expect(hashOf(wire.writeUnit(unit))).toBe(hashes[kind]);
    expect(wire.readUnit(wire.writeUnit(unit))).toEqual(unit);
    expect(hashOf(wire.writeAnswer('RECEIVED', unit))).toBe(hashes[kind === 'JUNK' ? 'RECEIVED JUNK' : 'RECEIVED']);
  }
  expect(hashOf(wire.writeAnswer('REJECTED', { kind: 'SEND', body }))).toBe(hashes['REJECTED']);

  const bodies = new Map(
    packet_streams.map((seed) => {
      const packet = keystream(hex(seed), wire.BODY_LENGTH);
      return [digest(packet), packet];
    }),
  );
  let seen = 0;
  for (const { direction_log } of transcripts)
    for (const { from, data } of direction_log) {
      const known = data.pieces.map(([word = '', , sum = '']) => {
        if (word.startsWith('MMTP')) return wire.writeVersions(word.slice('MMTP '.length).split(','));
        const packet = from === 'client' ? bodies.get(sum) : undefined;
        return packet && wire.writeUnit({ kind: 'SEND', body: packet });
      });
      const octets = known.filter((piece) => piece !== undefined);
      if (octets.length < known.length) continue; // answers, and junk of which no octets are kept
      expect(digest(Buffer.concat(octets))).toBe(data.sha256);
      seen += 1;
    }
  expect(seen).toBeGreaterThan(10);

  const chain = link.cert_chain_pem.split(/(?<=-----END CERTIFICATE-----\n)/).filter((pem) => pem.includes('BEGIN'));
  const certificates = chain.map((pem) => new X509Certificate(pem));
  const when = certificates[0]?.validFromDate.getTime() ?? 0;
  primitives.checkLinkCertificates(certificates, hex(link.key_digest), when + 1000);
  expect(() => primitives.checkLinkCertificates(certificates, Buffer.alloc(20, 1), when + 1000)).toThrow(
    primitives.MmtpError,
  );
});
