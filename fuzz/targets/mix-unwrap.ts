// One hop of a packet. The input is what an attacker who knows the node's public key decides: the instruction in the
// subheader (version, type, length, info), and the octets behind it, as they are or with a digest that fits.

import { CounterRandom, keystream } from '../../src/crypto/aes-ctr.ts';
import { CryptoError } from '../../src/crypto/errors.ts';
import { sha1 } from '../../src/crypto/hash.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { ContentError, ParseError } from '../../src/mixminion/packet/errors.ts';
import { HEADER_LENGTH, PACKET_LENGTH, RSA_BLOCK } from '../../src/mixminion/packet/layout.ts';
import { RoutingType, relayTo, splitExitInfo } from '../../src/mixminion/packet/routing.ts';
import { parseSubheader, SUBHEADER_LENGTH, writeSubheader } from '../../src/mixminion/packet/subheader.ts';
import { unwrap } from '../../src/mixminion/packet/unwrap.ts';
import type { FuzzTarget } from '../harness.ts';

const key = await RsaPrivateKey.generate(8 * RSA_BLOCK);
const noise = keystream(Buffer.alloc(16), PACKET_LENGTH);
const random = new CounterRandom(Buffer.alloc(16, 1));

/** A subheader, and what stands behind it; the digest is put right unless the first octet is odd. */
function packetFrom(input: Buffer): Buffer {
  const whole = Buffer.alloc(PACKET_LENGTH);
  noise.copy(whole);
  const plain = Buffer.from(noise.subarray(0, SUBHEADER_LENGTH));
  plain.set(input.subarray(1, 1 + SUBHEADER_LENGTH));
  const rest = input.subarray(1 + SUBHEADER_LENGTH);
  whole.set(rest.subarray(0, PACKET_LENGTH - RSA_BLOCK), RSA_BLOCK);
  if (((input[0] ?? 0) & 1) === 0) sha1(whole.subarray(RSA_BLOCK, HEADER_LENGTH)).copy(plain, 18);
  key.publicKey.encrypt(plain, random).copy(whole);
  return whole;
}

export const target: FuzzTarget = {
  about: 'one hop of a Type III packet, from the subheader on',

  seeds() {
    const hop = { host: 'mix.example', port: 48099, keyId: Buffer.alloc(20, 7) };
    const instructions = [
      relayTo({ form: 'host', ...hop }, false),
      relayTo({ form: 'host', ...hop }, true),
      relayTo({ form: 'ipv4', ...hop, host: '10.1.2.3' }, true),
      { routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0) },
      { routingType: RoutingType.SMTP, routingInfo: Buffer.alloc(172, 'a') },
      { routingType: RoutingType.SMTP, routingInfo: Buffer.alloc(172, 'a'), routingLength: 0xffff },
    ];
    return instructions.map((instruction) => {
      const inline = Buffer.from(instruction.routingInfo);
      const plain = writeSubheader({
        major: 0,
        minor: 3,
        secret: Buffer.alloc(16, 9),
        digest: Buffer.alloc(20),
        routingLength: inline.byteLength,
        ...instruction,
        inline,
        underflow: Buffer.alloc(0),
      });
      return Buffer.concat([Buffer.alloc(1), plain]);
    });
  },

  run(input) {
    try {
      const opened = unwrap(packetFrom(input), [key]);
      if (opened.result === 'deliver') splitExitInfo(opened);
      if (opened.result === 'relay' && opened.packet.byteLength !== PACKET_LENGTH) throw new Error('a packet grew');
    } catch (error) {
      if (!(error instanceof ParseError || error instanceof ContentError || error instanceof CryptoError)) throw error;
    }
    try {
      const plain = input.subarray(0, SUBHEADER_LENGTH);
      if (!writeSubheader(parseSubheader(plain)).equals(plain)) throw new Error('a subheader changed');
    } catch (error) {
      if (!(error instanceof ParseError)) throw error;
    }
  },
};
