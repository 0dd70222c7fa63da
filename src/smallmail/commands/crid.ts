// CRID: makes a mailbox named by the key that follows, or renews the stored key.   spec: smallmail 2.4

import { badContent, badSize, refused } from '../answers.ts';
import { CERTIFICATE, expiryAfter, idOf, quotaOf } from '../mailbox.ts';
import { type Certificate, mergeCertificates, readCertificate } from '../openpgp/certificate.ts';
import { KeyError } from '../openpgp/errors.ts';
import type { Session } from '../session.ts';
import type { CommandOf } from './command.ts';

const KEY_LIMIT = 64 * 1024;
const MERGE_TRIES = 5;

export const crid: CommandOf<'CRID'> = async ({ size }, session) => {
  const { post, settings } = session.room;
  if (size < 1 || size > KEY_LIMIT) throw badSize();
  const octets = await session.connection.block(size, settings.body_time);
  const certificate = await judged(readCertificate(octets, post.clock.now()));
  const { mailbox } = certificate;
  if (!(await renewed(certificate, session))) {
    if (certificate.revoked) throw refused('revoked');
    if (await session.room.houseIsFull()) throw refused('full-house');
    if (!mayCreate(session)) throw refused('rate');
    const made = await post.store.mailboxes.create({
      id: idOf(mailbox),
      quota: quotaOf(settings),
      expires: expiryAfter(post.clock.now(), settings.unused_mailbox_age),
      documents: { [CERTIFICATE]: certificate.octets },
    });
    if (!made) await renewed(certificate, session); // somebody else made it just now
    session.room.changed(mailbox);
  }
  await session.send({ word: 'IDCR', mailbox });
};

async function judged<T>(judging: Promise<T>): Promise<T> {
  try {
    return await judging;
  } catch (error) {
    if (error instanceof KeyError) throw error.code === 'malformed' ? badContent() : refused('key');
    throw error;
  }
}

/** True when the mailbox is there; its certificate has then taken in what is new and validly signed. */
async function renewed(offered: Certificate, session: Session): Promise<boolean> {
  const { documents } = session.room.post.store;
  const id = idOf(offered.mailbox);
  for (let tries = 0; tries < MERGE_TRIES; tries += 1) {
    const stored = await documents.get(id, CERTIFICATE);
    if (stored === undefined) return false;
    const merged = await judged(mergeCertificates(stored.value, offered));
    if (merged === undefined) return true;
    if ((await documents.put(id, CERTIFICATE, merged, stored.version)) !== undefined) {
      session.room.changed(offered.mailbox);
      return true;
    }
  }
  throw refused('contention');
}

/** spec: smallmail 2.10 */
function mayCreate({ room, work }: Session): boolean {
  return room.rates.create.take() || (work.hasCreate && room.rates.createWithWork.take() && work.takeCreate());
}
