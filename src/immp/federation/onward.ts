// A waiting message as it goes over the wire to the next server: DELIVER, the part named `envelope`, the parts.   spec: immp 2.8

import type { OutgoingMessage, OutgoingPart } from '../client/deliver.ts';
import { ENVELOPE_NAME, ENVELOPE_TYPE } from '../mail/envelope-part.ts';
import type { Envelope } from '../mail/message.ts';
import { imid, node } from '../wire/imid.ts';
import { FarError } from './errors.ts';
import type { MailJob, Waiting } from './queue.ts';

/** Throws FarError `nowhere` for a recipient that is no IMID any more. */
export function onward({ head, octets }: Waiting, job: MailJob): OutgoingMessage {
  const { envelope } = head;
  const to = imid.read(job.to);
  if (to === undefined) throw new FarError('nowhere', 'the recipient has no server');
  const from = envelope.from === null ? undefined : node.read(envelope.from);
  const parts = head.parts.map(
    (part, at): OutgoingPart => ({
      name: part.name,
      type: part.type,
      size: part.length,
      content: part.class === 'content',
      inline: part.class === 'inline',
      chunks: () => octets(at),
    }),
  );
  return {
    to,
    from,
    id: envelope.uuid,
    importance: job.importance,
    secure: job.secure,
    parts: [envelopePart(envelope), ...parts],
  };
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
  const octets = Buffer.from(JSON.stringify(said));
  return { name: ENVELOPE_NAME, type: ENVELOPE_TYPE, size: octets.length, chunks: () => [octets] };
}
