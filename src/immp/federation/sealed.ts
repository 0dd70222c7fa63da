// A message sealed to the domain that it is for: servers on its way see two domains and nothing else.
//
// It has two parts. `envelope` is JSON, signed by the origin: the two domains, the recipient encrypted to the destination, and the
// digest of the second part, without which a server on the way could put another one in its place. `sealed` is a message file,
// encrypted to the destination.   spec: immp 1.9, 2.8

import type { PrivateKey, PublicKey } from 'openpgp';
import * as z from 'zod';
import { domain as domainKind, imid } from '../wire/imid.ts';
import { uuid as uuidKind } from '../wire/kind.ts';
import { canonicalJson, type Json } from './canonical-json.ts';
import { decrypt, encrypt, isSignedBy, sign } from './openpgp.ts';
import type { Stations } from './trace.ts';

export const SEALED_NAME = 'sealed';
export const SEALED_TYPE = 'application/pgp-encrypted';
const MAX_RECIPIENT = 16 * 1024;

const domain = z
  .string()
  .max(253)
  .refine((text) => domainKind.read(text) !== undefined)
  .transform((text) => text.toLowerCase());

const schema = z.object({
  envelope: z.looseObject({
    'immp-origin': domain,
    'immp-destination': domain,
    'immp-recipient': z.tuple([z.base64().max(MAX_RECIPIENT)]),
    'immp-sealed': z.string().regex(/^[0-9a-f]{64}$/),
    signature: z.string(),
  }),
});

const recipientShape = z.object({ to: z.string().max(512), id: z.string() });

/** What the outer envelope says, and the octets that are signed. */
export interface Outer {
  readonly origin: string;
  readonly destination: string;
  /** The recipient, encrypted. */
  readonly recipient: Buffer;
  /** SHA-256 of the sealed part, hex. */
  readonly digest: string;
  readonly signed: Buffer;
  readonly signature: string;
}

export interface Sealing {
  readonly origin: string;
  readonly destination: string;
  readonly to: string;
  readonly id: string;
  readonly via: Stations;
  /** SHA-256 of the sealed part, hex. */
  readonly digest: string;
  readonly key: PublicKey;
  readonly own: PrivateKey;
  readonly now: number;
}

/** The octets of the part `envelope`. */
export async function writeOuter({ key, own, now, ...about }: Sealing): Promise<Buffer> {
  const inner = Buffer.from(JSON.stringify({ to: about.to, id: about.id }));
  const recipient = Buffer.concat(await Array.fromAsync(await encrypt(once(inner), key, now)));
  const said = {
    'immp-origin': about.origin,
    'immp-destination': about.destination,
    'immp-recipient': [recipient.toString('base64')],
    'immp-sealed': about.digest,
  };
  const signature = await sign(Buffer.from(canonicalJson(said)), own, now);
  return Buffer.from(JSON.stringify({ envelope: { ...said, 'received-via': about.via, signature } }));
}

/** Undefined when the octets are none. */
export function readOuter(octets: Uint8Array): Outer | undefined {
  try {
    const { envelope } = schema.parse(JSON.parse(Buffer.from(octets).toString('utf8')));
    const { signature, ...others } = envelope;
    // Servers on the way add where they were; all else is the origin's.
    const said = Object.fromEntries(Object.entries(others).filter(([name]) => !name.startsWith('received-')));
    return {
      origin: envelope['immp-origin'],
      destination: envelope['immp-destination'],
      recipient: Buffer.from(envelope['immp-recipient'][0], 'base64'),
      digest: envelope['immp-sealed'],
      signed: Buffer.from(canonicalJson(said as Json)),
      signature,
    };
  } catch {
    return undefined;
  }
}

export function isFromOrigin({ signed, signature }: Outer, key: PublicKey, now: number): Promise<boolean> {
  return isSignedBy(key, signed, signature, now);
}

/** Who it is for, and its UUID. Undefined when that is nobody. Throws ImmpError `openpgp`. */
export async function readRecipient({ recipient }: Outer, own: PrivateKey) {
  const octets = Buffer.concat(await Array.fromAsync(decrypt(once(recipient), own, MAX_RECIPIENT)));
  const read = recipientShape.safeParse(JSON.parse(octets.toString('utf8')));
  const to = read.success ? imid.read(read.data.to) : undefined;
  const id = read.success ? uuidKind.read(read.data.id) : undefined;
  return to === undefined || id === undefined ? undefined : { to, id };
}

/** The part `envelope` with this server's place in `received-via`. Only for octets that `readOuter` has read. */
export function withStations(octets: Uint8Array, via: Stations): Buffer {
  const { envelope } = JSON.parse(Buffer.from(octets).toString('utf8')) as { envelope: object };
  return Buffer.from(JSON.stringify({ envelope: { ...envelope, 'received-via': via } }));
}

async function* once(octets: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  yield octets;
}
