// What came by mail, read: every armoured message of a text with the keys at hand, fragments put into the pool, and for
// each what became of it.   spec: mixminion-server 9.1 (decode); mixminion-e2e 5.4, 7

import { asBuffer } from '../../base/bytes.ts';
import type { AddResult } from '../payload/reassembly.ts';
import { readMessages } from '../payload/text.ts';
import { type DecodedPacket, decodeDelivered } from './decode.ts';
import { Mix3Error, Mix3OvercompressedError } from './errors.ts';
import type { FragmentPool, PooledMessage } from './fragment-pool.ts';
import type { Keyring } from './identities.ts';
import { asApi } from './translate.ts';

export interface ReadingDesk {
  readonly fragments: FragmentPool;
  /** Asked for only when something encrypted came. */
  keyring(): Promise<Keyring>;
}

/** What became of one armoured message. */
export type Reading =
  | {
      readonly kind: 'message';
      readonly message: Buffer;
      /** For replies, the identity they came for; empty for the default one. */
      readonly identity?: string;
    }
  /** `dropped`: it adds nothing. `rejected`: it does not fit the others, and the message is given up. */
  | { readonly kind: 'fragment'; readonly result: AddResult['result']; readonly pooled: PooledMessage }
  /** It would inflate far beyond its size: a trap perhaps. */
  | { readonly kind: 'overcompressed'; readonly compressed: Buffer }
  | { readonly kind: 'failed'; readonly error: Mix3Error };

export interface ReadingOptions {
  /** Inflates what is overcompressed. */
  readonly force?: boolean;
  /** Leaves the header block in front of replies, as the old client does. */
  readonly raw?: boolean;
}

/**
 * Reads all armoured messages of a text, in order; none is no error. A message that cannot be read does not stop the
 * others. Throws Mix3BadFormatError for a text whose armour is damaged, and what opening the key ring throws.
 */
export function readArmored(
  desk: ReadingDesk,
  text: string | Uint8Array,
  options: ReadingOptions = {},
): Promise<Reading[]> {
  return asApi(async () => {
    const messages = readMessages(typeof text === 'string' ? Buffer.from(text) : asBuffer(text));
    const secrets = messages.some(({ type }) => type === 'encrypted') ? (await desk.keyring()).all() : [];
    const readings: Reading[] = [];
    for (const message of messages) {
      try {
        readings.push(
          await readOne(
            desk,
            asApi(() => decodeDelivered(message, { secrets })),
            options,
          ),
        );
      } catch (error) {
        if (error instanceof Mix3OvercompressedError)
          readings.push({ kind: 'overcompressed', compressed: error.compressed });
        else if (error instanceof Mix3Error) readings.push({ kind: 'failed', error });
        else throw error;
      }
    }
    return readings;
  });
}

async function readOne({ fragments }: ReadingDesk, packet: DecodedPacket, options: ReadingOptions): Promise<Reading> {
  const { force = false, raw = false } = options;
  if (packet.isFragment) {
    const { result } = await fragments.add(packet);
    return { kind: 'fragment', result, pooled: await fragments.status(packet.messageId.toString('hex')) };
  }
  const message = packet.getMessage({ force, stripHeaders: !raw && !packet.wasPlaintext });
  return { kind: 'message', message, ...(packet.identity === undefined ? {} : { identity: packet.identity }) };
}
