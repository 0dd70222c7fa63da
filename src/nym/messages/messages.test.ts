import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from '../../base/random.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import { RoutingType } from '../../mixminion/packet/routing.ts';
import { createSurb, type Surb, writeSurb } from '../../mixminion/packet/surb.ts';
import { NymError } from '../errors.ts';
import { NO_ID, writeFrame } from './frames.ts';
import { counted, uint } from './octets.ts';
import { type HolderCommand, readHolderMessage, writeHolderMessage } from './to-holder.ts';
import { readServerMessage, type ServerCommand, writeServerMessage } from './to-server.ts';

const identity = await RsaPrivateKey.generate(2048);
const encryption = await RsaPrivateKey.generate(2048);
const small = await RsaPrivateKey.generate(1024);
const seqno = Buffer.alloc(20, 7);
const id = (octet: number) => Buffer.alloc(20, octet);

function makeSurb(): Surb {
  const address = { form: 'host' as const, host: 'mix.test', port: 48099, keyId: Buffer.alloc(20, 1) };
  const exit = { routingType: RoutingType.MBOX, routingInfo: Buffer.from('alice') };
  const order = {
    path: [{ address, packetKey: encryption.publicKey }],
    exit,
    userKey: Buffer.alloc(20, 2),
    useBy: 2 ** 31,
  };
  return createSurb(order, { seed: systemRandom, padding: systemRandom, oaep: systemRandom }).surb;
}

function sent(commands: readonly ServerCommand[], nym = 'alice'): Buffer {
  return writeServerMessage({ nym, seqno, commands }, identity, systemRandom);
}

/** A message whose commands are these octets. */
function raw(...frames: readonly Buffer[]): Buffer {
  const signed = Buffer.concat([counted(1, Buffer.from('alice')), seqno, ...frames]);
  return Buffer.concat([Buffer.alloc(256), signed]);
}

describe('to the server', () => {
  const surbs = [makeSurb(), makeSurb(), makeSurb()];
  const commands: readonly ServerCommand[] = [
    { word: 'CREATE', candidates: ['alice', 'a.l-i_ce', ''] },
    { word: 'CREATE2', response: Buffer.of(0, 1, 2) },
    { word: 'SURB', surbs },
    { word: 'SURB', surbs: [] },
    { word: 'NEWPK', identity: identity.publicKey, encryption: encryption.publicKey },
    {
      word: 'RELAY',
      recipients: ['bob@example.org', 'carol@example.org'],
      headers: new Map([['SUBJECT', 'Hello']]),
      body: Buffer.from('Hello, Bob.\n'),
    },
    { word: 'GET', ids: [id(1), id(2)] },
    { word: 'SUMMARIZE', most: 16, after: NO_ID },
    { word: 'DELETE', ids: [id(3)] },
    { word: 'POLICY', option: 'MaxSURBsPerDay', value: Buffer.from('20') },
  ];

  test('every command comes back as it was said, under the signature of the nym', () => {
    const read = readServerMessage(sent(commands, 'Alice'));
    expect(read.nym).toBe('alice');
    expect(read.seqno).toEqual(seqno);
    expect(read.signedBy(identity.publicKey)).toBe(true);
    expect(read.signedBy(encryption.publicKey)).toBe(false);
    expect(read.commands.map(({ word }) => word)).toEqual(commands.map(({ word }) => word));
    for (const [index, said] of commands.entries()) {
      const got = read.commands[index];
      if (said.word === 'SURB') {
        expect(got).toEqual({ word: 'SURB', surbs: said.surbs });
      } else if (said.word === 'NEWPK') {
        expect(got?.word === 'NEWPK' && got.identity.toDer()).toEqual(identity.publicKey.toDer());
        expect(got?.word === 'NEWPK' && got.encryption.toDer()).toEqual(encryption.publicKey.toDer());
      } else expect(got).toEqual(said);
    }
  });

  test('a changed octet is seen by the signature, and a cut message is none', () => {
    const message = sent([{ word: 'GET', ids: [id(1)] }]);
    for (let at = 256; at < message.length; at += 1) {
      const changed = Buffer.from(message);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      try {
        expect(readServerMessage(changed).signedBy(identity.publicKey)).toBe(false);
      } catch (error) {
        expect(error).toBeInstanceOf(NymError);
      }
    }
    for (let length = 0; length < message.length; length += 1) {
      const cut = message.subarray(0, length);
      if (length === message.length - 24) continue; // the header alone is a message without commands
      expect(() => readServerMessage(cut)).toThrow(NymError);
    }
  });

  test('a command that is wrong stands there as bad, and the others count', () => {
    const good = writeFrame(0x05, id(1));
    const bad = [
      writeFrame(0x09), // nobody knows it
      writeFrame(0x00, uint(1, 1), uint(1, 1), Buffer.from('w')), // a proof of work
      writeFrame(0x00, uint(2, 1), uint(0, 1), counted(1, Buffer.from('a'))), // a name is missing
      writeFrame(0x02, Buffer.from('no reply block')),
      writeFrame(0x03, counted(2, small.publicKey.toDer()), counted(2, encryption.publicKey.toDer())),
      writeFrame(0x04, uint(1, 2), uint(0x0101, 2), Buffer.from('x\n')),
      writeFrame(0x04, uint(3, 2), uint(0x0100, 2), Buffer.from('a@b'), Buffer.from('no block')),
      writeFrame(0x04, uint(1, 2), uint(0x0100, 2), Buffer.from('ab'), Buffer.from('\n')),
      writeFrame(0x05, Buffer.alloc(21)),
      writeFrame(0x06, Buffer.alloc(21)),
    ];
    const { commands: read } = readServerMessage(raw(good, ...bad, good));
    expect(read.map(({ word }) => word)).toEqual(['GET', ...bad.map(() => 'bad'), 'GET']);
    expect(() => readServerMessage(raw(good, good.subarray(0, -1)))).toThrow(NymError);
  });

  test('reply blocks in front of something else are kept', () => {
    const block = writeSurb(makeSurb());
    const read = readServerMessage(raw(writeFrame(0x02, block, block, Buffer.from('???'))));
    expect(read.commands).toMatchObject([{ word: 'SURB', surbs: [{}, {}], broken: true }]);
  });

  test('the forms of later revisions are read as well', () => {
    const keys = [counted(2, identity.publicKey.toDer()), encryption.publicKey.toDer()];
    const body = Buffer.from('SUBJECT:Hi\n\ntext');
    const info = Buffer.from('bob@example.org');
    const relay = Buffer.concat([uint(info.length, 2), uint(0x0100, 2), info, body]);
    const { commands: read } = readServerMessage(raw(writeFrame(0x03, ...keys), writeFrame(0x04, relay)));
    expect(read[0]?.word === 'NEWPK' && read[0].encryption.toDer()).toEqual(encryption.publicKey.toDer());
    expect(read[1]).toMatchObject({ word: 'RELAY', recipients: ['bob@example.org'], body: Buffer.from('text') });
  });

  test('names that cannot be are passed over, and longer commands of a fixed size are read to their end', () => {
    const names = ['..', 'postmaster', 'Bob', '-x', 'a..b', '', 'ok'].map((name) => counted(1, Buffer.from(name)));
    const create = writeFrame(0x00, uint(names.length, 1), uint(0, 1), ...names);
    const summarize = writeFrame(0x06, uint(3, 2), id(9), Buffer.from('later'));
    expect(readServerMessage(raw(create, summarize)).commands).toEqual([
      { word: 'CREATE', candidates: ['bob', '', 'ok'] },
      { word: 'SUMMARIZE', most: 3, after: id(9) },
    ]);
  });

  test('what cannot be said is refused before it is sent', () => {
    const relay = { word: 'RELAY', headers: new Map(), body: Buffer.alloc(0) } as const;
    const many = Array.from({ length: 9 }, (_, index) => `a${index}@b.test`);
    expect(() => sent([{ ...relay, recipients: many }])).toThrow(NymError);
    expect(() => sent([{ ...relay, recipients: ['no address'] }])).toThrow(NymError);
    expect(() => sent([], 'postmaster')).toThrow(NymError);
    expect(() => sent([{ word: 'GET', ids: [Buffer.alloc(3)] }])).toThrow(NymError);
    expect(() => sent([{ word: 'NEWPK', identity: small.publicKey, encryption: encryption.publicKey }])).toThrow(
      NymError,
    );
    expect(() => sent([{ word: 'CREATE2', response: Buffer.alloc(1024 * 1024) }])).toThrow(NymError);
  });

  test('random octets are refused, or read, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 250, maxLength: 400 }), (octets) => {
        try {
          readServerMessage(Buffer.from(octets));
        } catch (error) {
          expect(error).toBeInstanceOf(NymError);
        }
      }),
    );
  });
});

describe('to the nymholder', () => {
  const octets = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((a) => Buffer.from(a));
  const ids = fc.array(octets(20), { maxLength: 5 });
  const blob = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
  const command: fc.Arbitrary<HolderCommand> = fc.oneof(
    fc.record({ word: fc.constant('CREATED' as const), nym: fc.stringMatching(/^[a-z0-9]{0,64}$/), challenge: blob }),
    fc.record({
      word: fc.constant('STATUS' as const),
      messages: fc.nat(2 ** 32 - 1),
      surbs: fc.nat(65535),
      quota: fc.nat(2 ** 32 - 1),
      used: fc.nat(2 ** 32 - 1),
      acknowledged: ids,
    }),
    fc.record({ word: fc.constant('SUMMARY' as const), valid: fc.nat(65535), sealed: blob }),
    fc.record({ word: fc.constant('MSG' as const), id: octets(20), sealed: blob }),
    fc.record({ word: fc.constant('DROPPED' as const), ids }),
    fc.record({ word: fc.constant('ERROR' as const), nonce: octets(20), text: fc.string({ unit: 'grapheme' }) }),
  );

  test('every command comes back as it was said', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 6 }), (commands) => {
        expect(readHolderMessage(writeHolderMessage(commands))).toEqual(commands);
      }),
    );
  });

  test('numbers that are too large are the largest, and unknown commands are passed over', () => {
    const status = {
      word: 'STATUS',
      messages: 2 ** 40,
      surbs: 70_000,
      quota: 2 ** 33,
      used: 5,
      acknowledged: [],
    } as const;
    const message = Buffer.concat([writeFrame(0x77, Buffer.from('?')), writeHolderMessage([status])]);
    expect(readHolderMessage(message)).toEqual([
      { ...status, messages: 2 ** 32 - 1, surbs: 65535, quota: 2 ** 32 - 1 },
    ]);
  });

  test('what is cut off is refused', () => {
    const message = writeHolderMessage([{ word: 'MSG', id: id(1), sealed: Buffer.alloc(9) }]);
    for (let length = 1; length < message.length; length += 1) {
      expect(() => readHolderMessage(message.subarray(0, length))).toThrow(NymError);
    }
  });
});
