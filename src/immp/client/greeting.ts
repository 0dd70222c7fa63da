// How a conversation begins: what the server says of itself, and the upgrade to TLS.   spec: immp 2.3

import { MINUTE, SECOND } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import { METHODS } from '../greeting.ts';
import { formatLine } from '../wire/line.ts';
import { parseReply, type Reply } from '../wire/reply.ts';
import { readPairs } from '../wire/texts.ts';
import { ClientError, refused } from './errors.ts';

const LINE_TIME = 30 * SECOND;
const LINE_LIMIT = 4096;
const MAX_LINES = 64;

/** Nobody vouches for any of it: it came in the clear. */
export interface Greeting {
  readonly domain: string;
  readonly version: string;
  /** Upper case. */
  readonly methods: readonly string[];
  /** Beyond the draft. */
  readonly extensions: ReadonlySet<string>;
  /** Octets of the largest message, where the server says so. */
  readonly maxMessage: number | undefined;
}

export interface Upgrade {
  /** The IMID domain, which the certificate is for. */
  readonly domain: string;
  /** SHA-256 of the server's SubjectPublicKeyInfo; without it any key is taken, and the caller judges it. */
  readonly pin?: Uint8Array | undefined;
}

export async function greeted(connection: Connection): Promise<Greeting> {
  let methods: string[] = [];
  for (let count = 0; count < MAX_LINES; count += 1) {
    const reply = await plainReply(connection);
    // The methods stand in the last 100 line, or in a 102 of later texts.   spec: immp 1.10
    if ((reply.code === '100' && !reply.more) || reply.code === '102') methods = reply.text.toUpperCase().split(/ +/);
    else if (reply.code === '101') return aboutServer(reply, methods);
    else if (reply.code !== '100') throw refused(reply);
  }
  throw new ClientError('protocol', 'the server greets and greets');
}

function aboutServer({ text }: Reply, methods: readonly string[]): Greeting {
  const about = readPairs(text);
  if (about.get('p') !== 'IMMP') throw new ClientError('protocol', 'the server speaks something else than IMMP');
  const most = Number(about.get('m'));
  return {
    domain: (about.get('d') ?? '').toLowerCase(),
    version: about.get('v') ?? '',
    methods,
    extensions: new Set((about.get('x') ?? '').split(',').filter((name) => name !== '')),
    maxMessage: Number.isSafeInteger(most) && most > 0 ? most : undefined,
  };
}

/** The best method of those offered; TLS 1.3 where the server knows it. */
export async function upgradeTo(connection: Connection, greeting: Greeting, { domain, pin }: Upgrade): Promise<void> {
  const method = (['TLS3', 'TLS', 'TLS2'] as const).find((each) => greeting.methods.includes(each));
  if (method === undefined) {
    throw new ClientError('protocol', `the server offers no encryption that is safe: ${greeting.methods.join(' ')}`);
  }
  await connection.write(formatLine([{ command: { word: 'UPGRADE', method } }]));
  const reply = await plainReply(connection);
  if (reply.code !== '204') throw refused(reply);
  // Throws when anything came behind the 204: it would have been sent in the clear, by whoever is in between.
  await connection.secure({ side: 'client', host: domain, pin, timeout: MINUTE, ...METHODS[method] });
}

async function plainReply(connection: Connection): Promise<Reply> {
  const line = await connection.line(LINE_LIMIT, LINE_TIME);
  if (line === undefined) throw new ClientError('closed', 'the server has ended the conversation');
  return parseReply(line);
}
