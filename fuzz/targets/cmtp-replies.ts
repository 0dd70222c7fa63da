// What a CMTP server may answer to a client that has greeted it and knows its key: the first octet chooses what was asked, the
// others are the answer, after which the server is gone.

import { duplexPair } from 'node:stream';
import { systemRandom } from '../../src/base/random.ts';
import { ClientError } from '../../src/cmtp/client/errors.ts';
import { CmtpSession } from '../../src/cmtp/client/session.ts';
import { enrol, fetchMessage, listMessages, prove } from '../../src/cmtp/client/words.ts';
import { SealError } from '../../src/cmtp/crypto/errors.ts';
import { keyPairOf, makeKeyPair } from '../../src/cmtp/crypto/keys.ts';
import { WireError } from '../../src/cmtp/wire/errors.ts';
import { makeReplies } from '../../src/cmtp/wire/replies.ts';
import { Connection } from '../../src/net/connection.ts';
import { NetError } from '../../src/net/errors.ts';
import {
  cmtpVectors,
  hex,
  type KeyVectors,
  type ReplyVectors,
  type TranscriptVectors,
} from '../../test/support/cmtp.ts';
import type { FuzzTarget } from '../harness.ts';

const { server } = cmtpVectors<KeyVectors>('keys');
const replies = makeReplies(keyPairOf(hex(server.ed25519_secret64)));
const ownKey = replies.key(hex(server.ed25519_public));
const [transcript] = cmtpVectors<TranscriptVectors>('wire-reference').transcripts;
const greeting = Buffer.concat([transcript?.greeting, transcript?.exchanges[0]?.reply].map((text) => hex(text ?? '')));

const own = makeKeyPair(systemRandom);
const alice = { account: 'alice', domain: 'here.test' };
const questions: readonly ((session: CmtpSession) => Promise<unknown>)[] = [
  (session) => session.keyOf('alice', ''),
  (session) => session.login('alice'),
  (session) => session.mail({ attachments: 0, chunks: [Buffer.alloc(10)] }),
  (session) => session.noop(),
  (session) => prove(session, alice, own),
  (session) => listMessages(session),
  (session) => fetchMessage(session, { id: Buffer.alloc(32) }),
  (session) => enrol(session, alice, { token: 'x', own, xzibit: Buffer.alloc(156) }),
];

export const target: FuzzTarget = {
  about: 'what CMTP servers answer',
  seeds() {
    const { replies: seed } = cmtpVectors<ReplyVectors>('seed-replies');
    const heard = cmtpVectors<TranscriptVectors>('wire-reference').transcripts.flatMap(({ exchanges }) => exchanges);
    const answers = [...seed.map((reply) => hex(reply.hex)), ...heard.map(({ reply }) => hex(reply))];
    return answers.flatMap((answer, at) => {
      return [at % questions.length, 128 + (at % questions.length)].map((first) => Buffer.from([first, ...answer]));
    });
  },
  async run(input) {
    const first = input[0] ?? 0;
    const manners = first < 128 ? replies.success : greeting;
    const [near, far] = duplexPair();
    const here = new Connection(near);
    try {
      far.resume(); // hears everything out
      far.end(Buffer.concat([manners, ownKey, input.subarray(1)]));
      const session = await CmtpSession.open(here);
      if (!session.serverKey.equals(hex(server.ed25519_public))) throw new Error('another key than the server has');
      await questions[first % questions.length]?.(session);
    } catch (error) {
      const isKnown = [ClientError, NetError, SealError, WireError].some((kind) => error instanceof kind);
      if (!isKnown) throw error;
    } finally {
      here.destroy();
      far.destroy();
    }
  },
};
