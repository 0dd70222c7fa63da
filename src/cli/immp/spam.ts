// What follows when somebody calls messages spam: their senders may be blocked, so that nothing more of them comes.   spec: immp 2.11

import { index } from '../../immp/client/mailbox.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { accountName, type Imid } from '../../immp/wire/imid.ts';
import type { Target } from '../../immp/wire/target.ts';
import { askYes } from '../ask-person.ts';
import { harmless, print } from '../output.ts';

/** Messages whose senders are looked at, and senders that are asked about one by one. */
const MOST_MESSAGES = 1000;
const MOST_ASKED = 10;

/**
 * What BLOCK takes for each sender of these messages: his IMID, or the domain where he is not named. Not oneself, not one's own
 * domain as a whole, and not its notices of failure.
 */
export async function sendersOf(session: ImmpSession, target: Target, own: Imid): Promise<string[]> {
  const entries = await index(session, target, { limit: MOST_MESSAGES });
  const needed = [accountName(own), `@${own.domain}`, `mailer-daemon@${own.domain}`].map((name) => name.toLowerCase());
  const names = new Set(entries.map(({ from, origin }) => from ?? `@${origin}`));
  return [...names].filter((name) => !needed.includes(name.toLowerCase()));
}

interface Blocking {
  /** Block them all, without asking. */
  readonly block?: boolean;
  readonly json?: boolean;
}

/** Blocks those that the user wants blocked, and names the others. The blocked ones. */
export async function offerBlock(
  session: ImmpSession,
  senders: readonly string[],
  { block = false, json = false }: Blocking,
  ask = askYes,
): Promise<string[]> {
  const blocked: string[] = [];
  for (const sender of senders) {
    const asks = !block && !json && senders.length <= MOST_ASKED;
    const wanted = block || (asks && (await ask(`Take nothing more from ${harmless(sender)}?`)));
    if (!wanted) {
      if (!json) print(`to take nothing more from there: postern immp set block+=${harmless(sender)}`);
      continue;
    }
    await session.ask({ word: 'SET GLOBAL', setting: { name: 'BLOCK', change: { how: '+=', value: sender } } });
    blocked.push(sender);
    if (!json) print(`blocked ${harmless(sender)}`);
  }
  return blocked;
}
