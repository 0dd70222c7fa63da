// Somebody with a mailbox key, made with the OpenPGP library and nothing of ours, so that tests judge from outside.

import { randomBytes } from 'node:crypto';
import {
  createMessage,
  decrypt,
  encrypt,
  generateKey,
  type PrivateKey,
  type PublicKey,
  readKey,
  readMessage,
  readPrivateKey,
  sign,
} from 'openpgp';

export interface Person {
  readonly mailbox: string;
  /** Binary, as CRID takes it. */
  readonly key: Uint8Array;
  sign(challenge: string): Promise<Uint8Array>;
  /** Somebody else's text to this person. */
  seal(text: string | Uint8Array): Promise<Buffer>;
  unseal(body: Uint8Array): Promise<Buffer>;
}

export async function makePerson(date = new Date(Date.now() - 60_000)): Promise<Person> {
  const made = await generateKey({ type: 'curve25519', userIDs: [{ name: 'smallmail' }], format: 'binary', date });
  const privateKey: PrivateKey = await readPrivateKey({ binaryKey: made.privateKey });
  const publicKey: PublicKey = await readKey({ binaryKey: made.publicKey });
  return {
    mailbox: publicKey.getFingerprint().toUpperCase(),
    key: made.publicKey,
    async sign(challenge) {
      const message = await createMessage({ text: challenge });
      return (await sign({ message, signingKeys: privateKey, detached: true, format: 'binary' })) as Uint8Array;
    },
    async seal(text) {
      const message = await createMessage({ binary: Buffer.from(text) });
      const options = { message, encryptionKeys: publicKey, wildcard: true, format: 'binary' } as const;
      return Buffer.from((await encrypt(options)) as Uint8Array);
    },
    async unseal(body) {
      const message = await readMessage({ binaryMessage: body });
      const { data } = await decrypt({ message, decryptionKeys: privateKey, format: 'binary' });
      return Buffer.from(data as Uint8Array);
    },
  };
}

/**
 * `size` octets of which every server must think that they are a message encrypted to somebody unnamed: a session key
 * packet with the wildcard key id, then a data packet of random octets (RFC 9580, 5.1 and 5.13).
 */
export function looksSealed(size: number): Buffer {
  const keyPacket = Buffer.concat([Buffer.from([0xc1, 60, 3]), Buffer.alloc(8), Buffer.from([18]), randomBytes(50)]);
  const header = 6; // tag, five-octet length
  const data = Buffer.alloc(size - keyPacket.length);
  data[0] = 0xd2;
  data[1] = 0xff;
  data.writeUInt32BE(data.length - header, 2);
  data[header] = 1;
  randomBytes(data.length - header - 1).copy(data, header + 1);
  return Buffer.concat([keyPacket, data]);
}
