// What the operator of a directory server asks and decides: `postern directory …`.

import { z } from 'zod';
import { type Controls, control, type Desk } from '../../post/control.ts';
import { DirectoryError } from '../directory/errors.ts';
import { compareNicknames, writeDate } from '../directory/value-kinds.ts';
import { Register } from './register.ts';
import type { AuthoritySettings } from './settings.ts';
import { standingOf, VOTES } from './votes.ts';

/** A remailer as the operator sees it. */
export interface ListedServer {
  readonly nickname: string;
  readonly fingerprint: string;
  readonly standing: string;
  /** Day on which its last descriptor ends; empty when there is none. */
  readonly until: string;
  /** `host:port`; empty when it takes no packets, or has no descriptor. */
  readonly at: string;
  readonly contact: string;
}

export const authorityControls: Controls<AuthoritySettings> = {
  /** All remailers, those that wait first. */
  list: control(z.null(), listServers),
  /** Decides about one: by its nickname where that is clear, by its fingerprint always. */
  vote: control(z.object({ vote: z.enum(VOTES), server: z.string().max(64) }), async (desk, { vote, server }) => {
    const { nickname, fingerprint } = theOne(await listServers(desk), server);
    await Register.of(desk.post, desk.folder).vote({ vote, nickname, fingerprint });
    return { vote, nickname, fingerprint };
  }),
  // A directory server at work answers these itself.
  status: control(z.null(), notAtWork),
  now: control(z.null(), notAtWork),
};

async function notAtWork(): Promise<never> {
  throw new DirectoryError('value', 'the directory server is not at work', {
    remedy: 'give it an address in [directory] listen, and start the office',
  });
}

async function listServers({ post, folder }: Desk<AuthoritySettings>): Promise<ListedServer[]> {
  const register = Register.of(post, folder);
  const votes = await register.votes();
  const descriptors = await register.shelf.of();
  const listed = new Map<string, ListedServer>(
    votes.map(({ vote, nickname, fingerprint }) => [
      fingerprint,
      { nickname, fingerprint, standing: vote, until: '', at: '', contact: '' },
    ]),
  );
  for (const { nickname, fingerprint, fields, hostname, port } of descriptors.sort(
    (a, b) => a.fields.validUntil - b.fields.validUntil,
  )) {
    const standing = standingOf(votes, nickname, fingerprint);
    listed.set(fingerprint, {
      nickname,
      fingerprint,
      standing: standing === 'unknown' ? 'pending' : standing,
      until: writeDate(fields.validUntil),
      at: hostname === undefined ? '' : `${hostname}:${port}`,
      contact: fields.contact,
    });
  }
  const waits = ({ standing }: ListedServer) => (standing === 'pending' ? 0 : 1);
  return [...listed.values()].sort((a, b) => waits(a) - waits(b) || compareNicknames(a.nickname, b.nickname));
}

function theOne(servers: readonly ListedServer[], wanted: string): ListedServer {
  const found = servers.filter(
    ({ nickname, fingerprint }) => compareNicknames(nickname, wanted) === 0 || fingerprint === wanted.toUpperCase(),
  );
  const [only] = found;
  if (only === undefined)
    throw new DirectoryError('value', `no remailer ${wanted} has sent a descriptor`, {
      remedy: '`postern directory list` shows those that have',
    });
  if (found.length > 1)
    throw new DirectoryError('value', `${found.length} remailers call themselves ${wanted}`, {
      remedy: `name one by its fingerprint: ${found.map(({ fingerprint }) => fingerprint).join(', ')}`,
    });
  return only;
}
