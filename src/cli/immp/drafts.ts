// `postern immp send-draft`: what waits in DRAFTS goes to its readers, and is gone from there when it is on its way.

import { deliver, type OutgoingPart } from '../../immp/client/deliver.ts';
import { readAddress } from '../../immp/client/home.ts';
import { changed, type FetchedMessage, fetchMessages, fetchRaw } from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { formatImid } from '../../immp/wire/imid.ts';
import type { Target } from '../../immp/wire/target.ts';
import { UsageError } from '../command.ts';
import { print, printJson } from '../output.ts';
import { asUser, messagesNamed, type UserOptions } from './client.ts';
import { addressedTo } from './reading.ts';
import { inWords, withoutFolder } from './sending.ts';

interface DraftOptions extends UserOptions {
  readonly anonymous?: boolean;
  readonly secure?: boolean;
}

export async function sendDraft(text: string, options: DraftOptions): Promise<void> {
  const report: object[] = [];
  await asUser(options, async (session) => {
    const target = await messagesNamed(session, text, { ...options, folder: 'drafts' });
    if (target.uuid === undefined) throw new UsageError('one draft is sent at a time');
    const [{ envelope, parts } = nothing(text)] = await Array.fromAsync(headsOf(session, target));
    const readers = addressedTo(envelope).map(readAddress);
    if (readers.length === 0) throw new UsageError('the draft names no reader');
    const message = {
      id: envelope.uuid,
      subject: envelope.subject,
      anonymous: options.anonymous === true,
      secure: options.secure === true,
      said: {
        ...(readers.length > 1 ? { to: readers.map(withoutFolder) } : {}),
        ...(typeof envelope['in-reply-to'] === 'string' ? { 'in-reply-to': envelope['in-reply-to'] } : {}),
      },
      // Fetched before the first is sent: while octets go out, nothing else may be asked.   spec: immp 2.2
      parts: await Promise.all(parts.map((part) => partOf(session, target, part))),
    };
    for (const to of readers) {
      const sent = await deliver(session, { ...message, to });
      report.push({ to: formatImid(to), ...sent });
      if (!options.json) print(`${formatImid(to)}: ${inWords(sent, to)}`);
    }
    await changed(session, { word: 'MBOX DELETE', target });
  });
  if (options.json) printJson(report);
}

function headsOf(session: ImmpSession, target: Target) {
  return fetchMessages(session, target, { headers: true, markRead: false });
}

async function partOf(
  session: ImmpSession,
  target: Target,
  { id, name, type, length, class: kind }: FetchedMessage['parts'][number],
): Promise<OutgoingPart> {
  const pieces = await Array.fromAsync(fetchRaw(session, target, { part: id, markRead: false }));
  const chunks = pieces.filter((piece) => typeof piece !== 'string');
  return { name, type, size: length, content: kind === 'content', inline: kind === 'inline', chunks: () => chunks };
}

function nothing(text: string): never {
  throw new UsageError(`there is no draft ${text}`, 'postern immp index drafts');
}
