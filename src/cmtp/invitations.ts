// Invitations: a token from the operator, with which one person makes one account by himself.   spec: cmtp 9 D23

import { z } from 'zod';
import { toHex } from '../base/bytes.ts';
import { sha256 } from '../crypto/hash.ts';
import type { Post } from '../post/post.ts';
import type { Quota } from '../store/store.ts';
import { AccountError, accountsOf } from './accounts.ts';
import type { UserKeys } from './wire/proofs.ts';

const OWNER = 'cmtp/invitations';
const TOKEN_LENGTH = 16;

const shape = z.object({
  /** Milliseconds since 1970. */
  until: z.number(),
  /** The only name that it is good for. */
  account: z.string().optional(),
  /** Who is just making use of it: he may try again when the answer was lost. */
  taken: z.string().optional(),
});

/** A new token, good until then. Only its hash is kept. Old invitations are cleared away. */
export async function invite(
  post: Pick<Post, 'store' | 'clock' | 'random'>,
  { until, account }: { readonly until: number; readonly account?: string | undefined },
): Promise<string> {
  const { documents } = post.store;
  for (const name of await documents.list(OWNER)) {
    const found = await documents.get(OWNER, name);
    if (found && read(found.value).until <= post.clock.now()) await documents.remove(OWNER, name);
  }
  const token = toHex(post.random.bytes(TOKEN_LENGTH));
  await documents.put(OWNER, nameOf(token), Buffer.from(JSON.stringify({ until, account })));
  return token;
}

/**
 * Makes the account and spends the token. The same request again, after its answer was lost, succeeds again while the token is not
 * spent. Throws AccountError.
 */
export async function enrol(
  post: Pick<Post, 'store' | 'clock'>,
  token: string,
  name: string,
  keys: UserKeys,
  quota: Quota,
): Promise<void> {
  const { documents } = post.store;
  const found = await documents.get(OWNER, nameOf(token));
  const invitation = found && read(found.value);
  if (found === undefined || invitation === undefined || invitation.until <= post.clock.now()) throw refused();
  const taken = `${name} ${toHex(keys.publicKey)}`;
  if ((invitation.account ?? name) !== name || (invitation.taken ?? taken) !== taken) throw refused();
  const claim = Buffer.from(JSON.stringify({ ...invitation, taken }));
  const version = await documents.put(OWNER, nameOf(token), claim, found.version);
  if (version === undefined) throw refused(); // another was quicker
  try {
    await accountsOf(post).add(name, keys, quota);
  } catch (error) {
    const mine = invitation.taken === taken && error instanceof AccountError && error.code === 'exists';
    if (!mine) {
      await documents.put(OWNER, nameOf(token), found.value, version); // good for another name or key
      throw error;
    }
  }
  await documents.remove(OWNER, nameOf(token));
}

function read(value: Buffer): z.infer<typeof shape> {
  return shape.parse(JSON.parse(value.toString()));
}

function nameOf(token: string): string {
  return toHex(sha256(Buffer.from(token)));
}

function refused(): AccountError {
  return new AccountError('invitation', 'this invitation is not good, or not any more', {
    remedy: 'ask the operator for another one',
  });
}
