// A waiting message as it goes over the wire to the next server: readable, sealed here, or as it came sealed.   spec: immp 2.8

import type { PrivateKey, PublicKey } from 'openpgp';
import type { OutgoingMessage, OutgoingPart } from '../client/deliver.ts';
import { ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { Envelope } from '../mail/message.ts';
import { type Spooled, type SpoolPlace, spool } from '../spool.ts';
import { imid, node } from '../wire/imid.ts';
import { FarError } from './errors.ts';
import { encrypt } from './openpgp.ts';
import type { MailJob, Waiting } from './queue.ts';
import { SEALED_NAME, SEALED_TYPE, writeOuter } from './sealed.ts';

/** As it lies there; the part named `envelope` in front, unless it is one that came sealed. */
export function onward(waiting: Waiting, job: MailJob): OutgoingMessage {
  const { envelope } = waiting.head;
  const to = imid.read(job.to);
  const parts = partsOf(waiting);
  if (to === undefined) return { ...labelsOf(waiting, job), to: job.to, parts };
  const from = envelope.from === null ? undefined : node.read(envelope.from);
  return { ...labelsOf(waiting, job), to, from, parts: [envelopePart(envelope), ...parts] };
}

export interface SealingKeys {
  readonly own: PrivateKey;
  readonly key: PublicKey;
  readonly now: number;
  readonly place: SpoolPlace;
}

/** Sealed to the domain that it is for. `spooled` is to be discarded when it was sent. */
export async function sealed(
  waiting: Waiting,
  job: MailJob,
  { own, key, now, place }: SealingKeys,
): Promise<{ readonly message: OutgoingMessage; readonly spooled: Spooled }> {
  const { envelope } = waiting.head;
  const destination = imid.read(job.to)?.domain.toLowerCase();
  if (destination === undefined) throw new FarError('nowhere', 'the recipient has no server');
  const spooled = await spool(await encrypt(waiting.whole(), key, now), Number.POSITIVE_INFINITY, place);
  if (spooled === undefined) throw new Error('more came than can be');
  const via = envelope['received-via'] ?? [];
  const about = { origin: envelope.origin, destination, to: job.to, id: envelope.uuid, via, digest: spooled.sha256 };
  const outer = await writeOuter({ ...about, key, own, now });
  const part: OutgoingPart = {
    name: SEALED_NAME,
    type: SEALED_TYPE,
    size: spooled.size,
    content: true,
    chunks: () => spooled.chunks(),
  };
  const parts = [jsonPart(outer), part];
  return { message: { ...labelsOf(waiting, job), to: destination, parts }, spooled };
}

function labelsOf({ head }: Waiting, { importance, secure }: MailJob) {
  return { id: head.envelope.uuid, importance, secure };
}

function partsOf({ head, octets }: Waiting): OutgoingPart[] {
  return head.parts.map((part, at) => ({
    name: part.name,
    type: part.type,
    size: part.length,
    content: part.class === 'content',
    inline: part.class === 'inline',
    chunks: () => octets(at),
  }));
}

/** What the next server is told besides: what the sender said, and through which servers the message came. */
function envelopePart(envelope: Envelope): OutgoingPart {
  const { subject, date, cc, references, headers } = envelope;
  const said = {
    'immp-origin': envelope.origin,
    'received-via': envelope['received-via'],
    from: envelope.from ?? undefined,
    to: envelope['addressed-to'],
    ...{ subject, date, cc, references, headers },
    'reply-to': envelope['reply-to'],
    'in-reply-to': envelope['in-reply-to'],
  };
  return jsonPart(Buffer.from(JSON.stringify(said)));
}

function jsonPart(octets: Buffer): OutgoingPart {
  return { name: ENVELOPE_NAME, type: ENVELOPE_TYPE, size: octets.length, chunks: () => [octets] };
}
