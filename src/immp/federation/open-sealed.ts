// A sealed message opened at the domain that it is for: who it is from is proved by a signature, whoever brought it.   spec: immp 2.8

import type { PrivateKey } from 'openpgp';
import { codeOf } from '../../base/errors.ts';
import { Refusal } from '../codes.ts';
import { ImmpError } from '../errors.ts';
import type { Delivery } from '../mail/delivery.ts';
import { type Envelope, type Head, MAX_HEAD, type Part, readHead } from '../mail/message.ts';
import type { Room } from '../room.ts';
import { type Spooled, spool } from '../spool.ts';
import { node } from '../wire/imid.ts';
import type { DomainKeys } from './domain-keys.ts';
import { OctetReader } from './octet-reader.ts';
import { decrypt } from './openpgp.ts';
import { isFromOrigin, type Outer, readRecipient } from './sealed.ts';
import type { Stations } from './trace.ts';

/** Octets of a message file that are not of its parts. */
const HEAD_ROOM = 1024 * 1024;

export interface SealedArrival {
  /** The domain that brought it. */
  readonly peer: string;
  /** The message's UUID, as the peer says it. */
  readonly id: string;
  readonly outer: Outer;
  /** The octets of the part `envelope`. */
  readonly envelope: Buffer;
  readonly sealed: Spooled;
  readonly via: Stations;
  readonly importance: Delivery['importance'];
  readonly secure: boolean;
}

export interface Keys {
  readonly own: PrivateKey;
  readonly domains: DomainKeys;
}

/** The message, whose parts the caller discards. Throws Refusal 403, 412, 413, 421, 450 or 471. */
export async function openSealed(room: Room, arrival: SealedArrival, { own, domains }: Keys): Promise<Delivery> {
  const { outer, sealed } = arrival;
  if (outer.digest !== sealed.sha256) throw new Refusal('471', { text: 'Bad data block: not what was signed' });
  await checkSignature(room, outer, domains);
  const recipient = await readRecipient(outer, own).catch(unreadable);
  if (recipient?.to.domain.toLowerCase() !== room.domain) throw new Refusal('450');
  const { head, parts } = await openFile(room, sealed, own);
  const { uuid, from, origin: _origin, to: _to, received: _received, secure, ...said } = head.envelope;
  if ((from !== null && domainOf(from) !== outer.origin) || uuid !== recipient.id) {
    await discard(parts);
    throw new Refusal('403');
  }
  return {
    ...{ to: recipient.to, from: from ?? undefined, sender: undefined, origin: outer.origin, id: uuid },
    said: withoutStations(said),
    importance: arrival.importance,
    secure: arrival.secure || secure === true,
    parts,
    peer: arrival.peer,
    via: arrival.via,
  };
}

async function checkSignature(room: Room, outer: Outer, domains: DomainKeys): Promise<void> {
  if (outer.origin === room.domain) throw new Refusal('403');
  const key = await domains.of(outer.origin).catch((cause: unknown) => {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(codeOf(cause) === 'changed-key' ? '421' : '412', { cause });
  });
  const good = key !== undefined && (await isFromOrigin(outer, key, room.post.clock.now()));
  if (!good) throw new Refusal('403', { text: 'Not allowed: the signature is not the origin’s' });
}

/** The message file within: its head, and each part spooled. Nothing of it is used before its end was found to be right. */
async function openFile(room: Room, sealed: Spooled, own: PrivateKey): Promise<{ head: Head; parts: Part[] }> {
  const most = room.settings.message_size;
  const reader = new OctetReader(decrypt(sealed.chunks(), own, most + HEAD_ROOM));
  const parts: Part[] = [];
  try {
    const head = await readFileHead(reader);
    if (head.parts.reduce((sum, { length }) => sum + length, 0) > most) throw new Refusal('413');
    for (const { class: kind, type, name, length, sha256 } of head.parts) {
      const data = await spool(reader.take(length), length, room.spool);
      if (data === undefined) throw new Error('more came than was asked for');
      parts.push({ class: kind, type, name, data });
      if (data.size !== length || data.sha256 !== sha256) return unreadable();
    }
    if (!(await reader.ended())) return unreadable();
    return { head, parts };
  } catch (error) {
    await discard(parts);
    if (error instanceof ImmpError) return unreadable(error);
    throw error;
  } finally {
    await reader.cancel();
  }
}

async function readFileHead(reader: OctetReader): Promise<Head> {
  const lines = [await reader.line(MAX_HEAD), await reader.line(MAX_HEAD)];
  return readHead(Buffer.concat(lines.flatMap((line) => (line ? [line, Buffer.from('\n')] : [])))).head;
}

/** Lower case; undefined for what is no IMID, or one beyond the limits. */
function domainOf(from: string): string | undefined {
  try {
    return node.read(from)?.domain.toLowerCase();
  } catch {
    return undefined;
  }
}

function withoutStations(said: Omit<Envelope, 'uuid' | 'from' | 'origin' | 'to' | 'received' | 'secure'>) {
  const { 'received-from': _from, 'received-via': _via, ...others } = said;
  return others;
}

async function discard(parts: readonly Part[]): Promise<void> {
  await Promise.all(parts.map(({ data }) => data.discard()));
}

function unreadable(cause?: unknown): never {
  throw new Refusal('471', { text: 'Bad data block: it cannot be opened', cause });
}
