// How the client reaches its server and knows it again: found by name, known by its key, which is remembered when seen first.
// Nothing is said to a server that shows another.   spec: immp 2.4, 2.5, 2.6

import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { dialPlain } from '../../net/dial.ts';
import { type Endpoint, parseEndpoint } from '../../net/endpoint.ts';
import { inSrvOrder, type Resolver } from '../../net/resolver.ts';
import { nextKey } from '../wire/texts.ts';
import { ClientError } from './errors.ts';
import { type Account, type Home, IMMP_PORT, knownServer, rememberServer, saveAccount } from './home.ts';
import { logIn } from './log-in.ts';
import { ImmpSession } from './session.ts';

export interface Courier {
  readonly home: Home;
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  readonly proxy?: Endpoint | undefined;
}

/** One conversation as the account. `password` is asked for it when the key here is not enough. */
export async function converse<T>(
  courier: Courier,
  account: Account,
  password: () => Promise<string>,
  work: (session: ImmpSession) => Promise<T>,
): Promise<T> {
  const { session, isNew } = await reach(courier, account);
  try {
    const { imid, device, allowK1, key: derived } = account;
    const key = await logIn(session, { account: imid, derived, password, device, allowK1: allowK1 ?? false });
    // Not before: a server that does not know the account need not be the domain's.
    if (isNew) await rememberServer(courier.home, imid.domain, { pin: session.serverKey });
    if (key !== derived) await saveAccount(courier.home, { ...account, key });
    await heedNextKey(courier, imid.domain, session);
    const result = await work(session);
    await session.quit();
    return result;
  } finally {
    session.destroy();
  }
}

interface Reached {
  readonly session: ImmpSession;
  /** Its key is not pinned yet: the first that is seen, or the one that was announced. */
  readonly isNew: boolean;
}

/** A conversation in which nothing was said yet but the wish for TLS. Throws ClientError `changed-key`, NetError. */
async function reach(courier: Courier, account: Account): Promise<Reached> {
  const { home, clock } = courier;
  const { domain } = account.imid;
  const connection = await dialFirst(courier, await placesOf(courier, account));
  const session = await ImmpSession.open(connection, { domain, clock });
  const known = await knownServer(home, domain);
  const shown = session.serverKey;
  if (known !== undefined && equalBytes(known.pin, shown)) return { session, isNew: false };
  if (known === undefined || (known.next && equalBytes(known.next, shown))) return { session, isNew: true };
  session.destroy();
  throw new ClientError('changed-key', `the server of ${domain} shows another key than the known one`, {
    remedy:
      'ask its operator, by another way, whether the key was changed; somebody may be in between. ' +
      `If it was: postern immp servers forget ${domain}`,
  });
}

/** Remembers the key that the server will show next, which it says under the one that is known. */
async function heedNextKey({ home }: Courier, domain: string, session: ImmpSession): Promise<void> {
  const known = await knownServer(home, domain);
  if (known === undefined || !session.greeting.extensions.has('NEXT')) return;
  const next = await session.ask({ word: 'KEY NEXT' }).then(
    (replies) => nextKey.read(replies.at(-1)?.text ?? ''),
    (error: unknown) => {
      if (error instanceof ClientError && error.reply?.code === '404') return undefined;
      throw error;
    },
  );
  const same = next === undefined ? known.next === undefined : known.next?.equals(next);
  if (!same) await rememberServer(home, domain, { pin: known.pin, next });
}

/** Where the server may be, best place first. A proxy looks names up itself, and cannot ask for SRV.   spec: immp 2.5 */
async function placesOf({ resolver, proxy, random }: Courier, { imid, server }: Account): Promise<Endpoint[]> {
  const told = server === undefined ? undefined : parseEndpoint(server, IMMP_PORT);
  if (told !== undefined) return [told];
  const plain = { host: imid.domain, port: IMMP_PORT };
  if (proxy !== undefined || imid.domain.endsWith('.onion')) return [plain];
  const found = inSrvOrder(await resolver.srv(`_immp._tcp.${imid.domain}`), random);
  if (found.length === 1 && found[0]?.host === '') {
    throw new ClientError('unknown', `${imid.domain} says that it has no IMMP server`);
  }
  return found.length === 0 ? [plain] : found.map(({ host, port }) => ({ host, port }));
}

async function dialFirst({ clock, proxy, random }: Courier, places: readonly Endpoint[]): Promise<Connection> {
  let failure: unknown;
  for (const to of places) {
    if (proxy === undefined && to.host.endsWith('.onion')) {
      // Asking for its address would tell the network what is looked for, and find nothing.
      const remedy = 'reach it through tor: --proxy socks5://127.0.0.1:9050';
      throw new ClientError('address', `${to.host} is an onion service`, { remedy });
    }
    try {
      // Each conversation on a circuit of its own, where the proxy is tor.
      const circuit = { user: toHex(random.bytes(16)), password: toHex(random.bytes(16)) };
      return await dialPlain({ to, clock, proxy: proxy && { ...proxy, ...circuit } });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
