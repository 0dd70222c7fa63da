// AUTH SECRET from the client's side: answers the server's question with K3, or with K2 where that is all it knows, and K1 only
// for whoever insists.   spec: immp 2.6

import { equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import {
  authMessage,
  deriveH1,
  deriveH2,
  isFairCost,
  keyK1,
  keyK2,
  proofK3,
  type ScryptCost,
  serverProofK3,
} from '../auth/keys.ts';
import { accountName, type Imid } from '../wire/imid.ts';
import { readPairs } from '../wire/texts.ts';
import { ClientError, refused } from './errors.ts';
import { isRefusal } from './exchange.ts';
import type { ImmpSession } from './session.ts';

/** What scrypt made of the password with the server's salt: it logs in as the password does, but only here. */
export interface DerivedKey {
  readonly salt: Buffer;
  readonly cost: ScryptCost;
  /** 32 octets. */
  readonly h2: Buffer;
}

export interface Credentials {
  readonly account: Imid;
  /** What was derived at an earlier time, which saves the work while the server asks for the same. */
  readonly derived?: DerivedKey | undefined;
  /** Asked for the password when it is needed. */
  readonly password: () => Promise<string>;
  /** At most 128 octets; the user sees it in his list of sessions. */
  readonly device?: string | undefined;
  /** To let a server of version 1.0 have the key that it calls K1, although whoever reads it once can log in for ever. */
  readonly allowK1?: boolean;
}

/** Resolves with the derived key when the server has taken it; undefined after K1. Throws ClientError `password`, `weak`, `protocol`. */
export async function logIn(session: ImmpSession, credentials: Credentials): Promise<DerivedKey | undefined> {
  const { account, device } = credentials;
  const exchange = await session.begin({ word: 'AUTH SECRET', account, ...(device === undefined ? {} : { device }) });
  const { text: line } = await exchange.until('303');
  const question = readQuestion(line);
  const answer = await answerTo(question, line, credentials, session.serverKey);
  await session.reply({ word: 'AUTH RESPONSE', digits: toHex(answer.key) });
  let proved = answer.serverProof === undefined;
  for (let item = await exchange.next(); item !== undefined; item = await exchange.next()) {
    const { reply } = item;
    if (isRefusal(reply)) throw reply.code === '410' ? wrongPassword() : refused(reply);
    if (reply.code === '304' && answer.serverProof) {
      proved = equalBytes(fromHex(readPairs(reply.text).get('v') ?? '') ?? Buffer.alloc(0), answer.serverProof);
    }
  }
  if (proved) return answer.derived;
  session.destroy();
  throw new ClientError('protocol', 'the server does not know the password itself', {
    remedy: 'somebody may be in between; try again over another network',
  });
}

interface Question {
  readonly n1: string;
  readonly n2: string;
  readonly methods: readonly string[];
  readonly salt: Buffer | undefined;
  readonly cost: ScryptCost;
}

function readQuestion(line: string): Question {
  const pairs = readPairs(line);
  const [n1, n2] = [pairs.get('n1'), pairs.get('n2')];
  if (n1 === undefined || n2 === undefined) throw new ClientError('protocol', 'the server asks without nonces');
  const number = (name: string) => Number(pairs.get(name) ?? Number.NaN);
  return {
    n1,
    n2,
    methods: pairs.get('h') === 'scrypt' ? (pairs.get('k') ?? '').split(',') : [],
    salt: fromHex(pairs.get('s') ?? ''),
    cost: { N: number('N'), r: number('r'), p: number('p') },
  };
}

interface Answer {
  readonly key: Buffer;
  readonly derived?: DerivedKey;
  /** What the server is to show in its turn. */
  readonly serverProof?: Buffer;
}

async function answerTo(question: Question, line: string, credentials: Credentials, serverKey: Buffer) {
  const { methods } = question;
  const account = accountName(credentials.account);
  const nonces = { account, n1: question.n1, n2: question.n2 };
  if (methods.includes('K3') || methods.includes('K2')) {
    const derived = await derivedKey(question, credentials);
    if (!methods.includes('K3')) return { key: keyK2(derived.h2, nonces), derived } satisfies Answer;
    const message = authMessage(account, line, serverKey);
    const serverProof = serverProofK3(derived.h2, message);
    return { key: proofK3(derived.h2, message), derived, serverProof } satisfies Answer;
  }
  if (credentials.allowK1) {
    return { key: keyK1(await deriveH1(await credentials.password(), account), nonces) } satisfies Answer;
  }
  throw new ClientError('weak', 'the server knows only the way of 2013 to prove a password (K1)', {
    remedy: 'if you trust everybody who works on that server, allow it with --allow-k1',
  });
}

async function derivedKey({ salt, cost }: Question, { derived, password }: Credentials): Promise<DerivedKey> {
  if (salt === undefined || salt.length < 8 || !isFairCost(cost)) {
    throw new ClientError('protocol', 'the server asks for a key that would be too easy, or too hard, to make');
  }
  if (derived?.salt.equals(salt) && sameCost(derived.cost, cost)) return derived;
  return { salt, cost, h2: await deriveH2(await password(), salt, cost) };
}

function sameCost(a: ScryptCost, b: ScryptCost): boolean {
  return a.N === b.N && a.r === b.r && a.p === b.p;
}

function wrongPassword(): ClientError {
  return new ClientError('password', 'the server does not take this password', {
    remedy: 'is it the right one, and the account’s name as well?',
  });
}
