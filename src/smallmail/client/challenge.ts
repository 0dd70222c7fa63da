// What the client signs to open a mailbox, and what it never signs: a server could hand on another server's challenge, or
// have a text signed that means something elsewhere.   spec: smallmail 2.6

import { asBuffer, toHex } from '../../base/bytes.ts';
import { CHALLENGE_PREFIX } from '../challenge.ts';
import { openPgp } from '../openpgp/library.ts';
import { ClientError } from './errors.ts';
import type { OwnKey } from './key-pair.ts';

const HARMLESS = /^[A-Za-z0-9._:+/=-]{16,512}$/;

export interface Challenged {
  readonly challenge: string;
  /** SHA-256 of the SubjectPublicKeyInfo of the TLS connection that the challenge came over. */
  readonly serverKey: Uint8Array | undefined;
  /** Its user marked this server as one that gives challenges of the old kind, bound to nothing. */
  readonly oldServer: boolean;
  readonly now: number;
}

/** A binary detached signature over the challenge. Throws ClientError `challenge` when it must not be signed. */
export async function signChallenge(own: OwnKey, challenged: Challenged): Promise<Buffer> {
  const objection = objectionTo(challenged);
  if (objection !== undefined) throw objection;
  const { library, config } = await openPgp();
  const signature = await library.sign({
    message: await library.createMessage({ binary: new Uint8Array(Buffer.from(challenged.challenge)) }),
    signingKeys: own.key,
    detached: true,
    format: 'binary',
    date: new Date(challenged.now),
    config,
  });
  return asBuffer(signature as Uint8Array);
}

function objectionTo({ challenge, serverKey, oldServer }: Challenged): ClientError | undefined {
  if (!HARMLESS.test(challenge)) {
    return new ClientError(
      'challenge',
      'the server asks for a signature over something that is not a plain challenge',
      {
        remedy: 'do not use this server',
      },
    );
  }
  if (challenge.startsWith(CHALLENGE_PREFIX)) {
    const bound = serverKey !== undefined && challenge.startsWith(`${CHALLENGE_PREFIX}${toHex(serverKey)}.`);
    if (bound) return undefined;
    return new ClientError('challenge', 'the server hands on the challenge of another server', {
      remedy: 'do not use this server: it tries to open your mailbox elsewhere',
    });
  }
  if (oldServer) return undefined;
  return new ClientError(
    'challenge',
    'the server gives challenges of the old kind, which could be those of another server',
    {
      remedy: 'if you trust it, mark it: postern smallmail servers old HOST:PORT',
    },
  );
}
