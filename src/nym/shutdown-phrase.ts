// The phrase by which a nymholder can close his nym with any mail program: what is told to the server, and how a mail that brings the
// phrase is read.   spec: mixminion-nym 7

import { sha1 } from '../crypto/hash.ts';

const MAX_TEXT = 64 * 1024;

/** What goes into the policy: 20 octets. Blanks around and between words do not count, upper and lower case do. */
export function phraseDigest(phrase: string): Buffer {
  return sha1(Buffer.from(phrase.normalize('NFC').trim().replace(/\s+/gu, ' ')));
}

/** The requests in a mail, each in a line of its own: `SHUTDOWN NYM PHRASE`. */
export function readShutdowns(subject: string, text: string): { nym: string; phrase: string }[] {
  const lines = [subject, ...text.slice(0, MAX_TEXT).split(/\r?\n/)];
  return lines.flatMap((line) => {
    const [, nym, phrase] = /^\s*SHUTDOWN\s+(\S{1,64})\s+(\S.*)$/i.exec(line) ?? [];
    return nym === undefined || phrase === undefined ? [] : [{ nym: nym.toLowerCase(), phrase }];
  });
}
