// A user's way to his server: for reading, and for handing in mail.   spec: ima 2.5, 2.8, 2.9

import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import type { SocksProxy } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Resolver } from '../../net/resolver.ts';
import { ImaError } from '../errors.ts';
import { ImdpClient } from '../imdp/client.ts';
import { ImrpClient } from '../imrp/client.ts';
import { PORTS, placesOf, type Service } from '../sending/places.ts';
import { loadCertificate, loadTrust } from '../trust/load.ts';
import { dialIma } from '../trust/peer.ts';
import { formatImrpCommand, IMRP_LINE_LIMIT, parseImrpReply } from '../wire/imrp.ts';
import { hostOf } from '../wire/names.ts';
import type { ImaAccount } from './home.ts';

const LOGIN_TIME = 60_000;

export interface Way {
  readonly clock: Clock;
  readonly random: Random;
  readonly resolver: Resolver;
  /** It looks the names up as well. */
  readonly proxy?: SocksProxy | undefined;
}

export async function openMailbox(account: ImaAccount, way: Way): Promise<ImrpClient> {
  const client = new ImrpClient(await connect(account, 'imrp', account.imrp, way));
  await client.logIn(account.address, account.password);
  return client;
}

/** Throws ImaError `refused` when the server does not let the user in. */
export async function openSubmission(account: ImaAccount, way: Way): Promise<ImdpClient> {
  const connection = await connect(account, 'imsp', account.submission, way);
  const { address: user, password } = account;
  const base64 = Buffer.from(password ?? '', 'utf8').toString('base64');
  const line = formatImrpCommand(
    password === undefined ? { word: 'AUTH', way: 'CERT', user } : { word: 'AUTH', way: 'PASS', user, base64 },
  );
  await connection.write(`${line}\n`);
  const answer = await connection.line(IMRP_LINE_LIMIT + 1, LOGIN_TIME);
  if (answer === undefined) throw new ImaError('later', 'the server went away');
  const reply = parseImrpReply(answer.toString('utf8'));
  if (reply.word !== 'OK') throw new ImaError('refused', 'the server does not let you in');
  return new ImdpClient(connection);
}

async function connect(
  account: ImaAccount,
  service: Service,
  fixed: Endpoint | undefined,
  way: Way,
): Promise<Connection> {
  const { address, cert, key, extraCa, onlyExtraCa } = account;
  const host = hostOf(address);
  const trust = await loadTrust({ extra_ca: extraCa, only_extra_ca: onlyExtraCa, pins: [] });
  const own = cert === '' ? undefined : await loadCertificate({ cert, key });
  const { clock, random, resolver, proxy } = way;
  const asked = proxy
    ? [{ host, port: PORTS[service] }]
    : () => placesOf(host, service, { resolver, random, fixed: new Map() });
  const places = fixed ? [fixed] : typeof asked === 'function' ? await asked() : asked;
  let failure: unknown = new ImaError('later', `there is no server for ${host}`);
  for (const to of places) {
    try {
      return await dialIma({ to, host, trust, own, clock, proxy });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
