// The check of message bodies: the same verdict however the octets are cut.

import { EncryptedBodyCheck } from '../../src/smallmail/openpgp/encrypted-body.ts';
import { TAG, writePacket } from '../../src/smallmail/openpgp/packets.ts';
import type { FuzzTarget } from '../harness.ts';

const KEY_ID = '1122334455667788';
const sessionKey = writePacket(TAG.encryptedSessionKey, Buffer.from(`03${KEY_ID}12${'00'.repeat(40)}`, 'hex'));
const data = Buffer.concat([Buffer.from([1]), Buffer.alloc(599, 7)]);
const pieces = Buffer.concat([Buffer.from([0xd2, 0xe9]), data.subarray(0, 512), Buffer.from([88]), data.subarray(512)]);

export const target: FuzzTarget = {
  about: 'the check that a SmallMail body is encrypted to its mailbox',
  seeds: () => [
    Buffer.concat([sessionKey, writePacket(TAG.encryptedWithIntegrity, data)]),
    Buffer.concat([writePacket(TAG.marker, Buffer.from('PGP')), sessionKey, pieces]),
    Buffer.concat([writePacket(1, Buffer.from('060019aaaa', 'hex')), writePacket(18, data), writePacket(21, data)]),
  ],
  run(input) {
    const whole = verdict([input]);
    const octets = Array.from({ length: Math.min(input.length, 64) }, (_, at) => input.subarray(at, at + 1));
    if (verdict([...octets, input.subarray(64)]) !== whole) throw new Error('the verdict depends on the cut');
  },
};

function verdict(chunks: readonly Buffer[]): boolean {
  const check = new EncryptedBodyCheck([KEY_ID]);
  for (const chunk of chunks) check.push(chunk);
  return check.verdict();
}
