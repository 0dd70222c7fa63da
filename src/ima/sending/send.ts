// What server-send-mail does: asks every server with the headers, and sends the data only when all of them could take the message.
// Inside an office, whoever has no such server may get it as ordinary mail.
// spec: ima 1.3, 2.10

import { PosternError } from '../../base/errors.ts';
import { type Clock, SECOND } from '../../base/time.ts';
import { NetError } from '../../net/errors.ts';
import { ImaError } from '../errors.ts';
import { asLater, ImdpClient } from '../imdp/client.ts';
import { isOurs, type Outcome, outcomeOf, withBcc } from '../incoming.ts';
import type { Letter } from '../letter.ts';
import { dialIma, type OwnCertificate, type Trust } from '../trust/peer.ts';
import { formatResult, type Result } from '../wire/imdp.ts';
import { recipientsOf } from '../wire/message.ts';
import { distinctAddresses, hostOf, sameForm } from '../wire/names.ts';
import { type Directions, placesOf } from './places.ts';

/** Hosts that one message may go to. */
const MAX_HOSTS = 200;
/** For a server that perhaps is not there, where ordinary mail is the other way. */
const GUESS_TIME = 10 * SECOND;

export interface Sending {
  readonly letter: Letter;
  readonly directions: Directions;
  readonly trust: Trust;
  readonly own: OwnCertificate;
  readonly clock: Clock;
  /** Hostparts whose mail stays here. */
  readonly hostparts: readonly string[];
  /** Which of our own addresses have no entry. */
  unknownHere(addresses: readonly string[]): Promise<readonly string[]>;
  /** Takes the message for our own addresses, as server-handle-incoming-mail does; its lines go to `say`. */
  deliverHere(letter: Letter, say: (line: string) => Promise<void>): Promise<Outcome>;
  /** Resolves when ordinary mail to these is durable, or throws PosternError. Left out: nobody gets any. */
  readonly sendMail?: (letter: Letter, addresses: readonly string[]) => Promise<void>;
  say(line: string): Promise<void>;
}

interface Failure {
  readonly addresses: readonly string[];
  readonly reason: string;
  readonly temporary: boolean;
}

export type Sent =
  | { readonly kind: 'sent'; readonly outcome: Outcome }
  /** No data went anywhere. */
  | { readonly kind: 'not-sent'; readonly failures: readonly Failure[] };

interface Target {
  readonly host: string;
  readonly addresses: readonly string[];
  readonly letter: Letter;
}

type Asked =
  | { readonly target: Target; readonly client: ImdpClient }
  /** It has no server: ordinary mail. */
  | { readonly target: Target; readonly mail: NonNullable<Sending['sendMail']> }
  | { readonly target: Target; readonly failure: Failure };

/** Nobody speaks IMA there, as far as the name service and the usual port tell. */
class NoServer extends ImaError {}

/** Lines of results go to `say` as they come; those of failures are the caller's to say. */
export async function send(sending: Sending): Promise<Sent> {
  const { letter, hostparts } = sending;
  const recipients = distinctAddresses(recipientsOf(letter.head));
  const here = recipients.filter((address) => isOurs(address, hostparts));
  const targets = targetsOf(
    letter,
    recipients.filter((address) => !here.includes(address)),
  );
  const unknown = here.length === 0 ? [] : await sending.unknownHere(here);
  const asked = await Promise.all(targets.map((target) => ask(target, sending)));
  const failures = asked.flatMap((one) => ('failure' in one ? [one.failure] : []));
  if (unknown.length > 0) failures.push({ addresses: unknown, reason: 'NORECIPIENT', temporary: false });
  const accepted = asked.flatMap((one) => ('client' in one ? [one] : []));
  if (failures.length > 0) {
    await Promise.all(accepted.map(({ client }) => takeBack(client))); // spec: ima 2.10
    return { kind: 'not-sent', failures };
  }
  const outcomes = accepted.map(({ client, target }) => sendTo(client, target, sending));
  if (here.length > 0) outcomes.push(deliverHere(here, sending));
  outcomes.push(...asked.flatMap((one) => ('mail' in one ? [sendAsMail(one.mail, one.target, sending)] : [])));
  return { kind: 'sent', outcome: outcomeOf((await Promise.all(outcomes)).flat()) };
}

/** `FAIL a@h reason` for each address, as standard output has it. */
export function failureLines(failures: readonly Failure[]): string[] {
  return failures.flatMap(({ addresses, reason }) =>
    addresses.map((address) => formatResult({ kind: 'fail', address, text: reason })),
  );
}

/** One for each hostpart; each sees of `bcc` only what is its own.   spec: ima 2.3 */
function targetsOf(letter: Letter, recipients: readonly string[]): Target[] {
  const hosts = new Set(recipients.map(hostOf));
  if (hosts.size > MAX_HOSTS) throw new ImaError('refused', `the message goes to more than ${MAX_HOSTS} servers`);
  return [...hosts].map((host) => ({
    host,
    addresses: recipients.filter((address) => hostOf(address) === host),
    letter: withBcc(letter, (address) => hostOf(address) === host),
  }));
}

async function ask(target: Target, sending: Sending): Promise<Asked> {
  const failed = (reason: string, temporary: boolean, addresses = target.addresses): Asked => ({
    target,
    failure: { addresses, reason, temporary },
  });
  let client: ImdpClient | undefined;
  try {
    client = await reach(target.host, sending);
    const verdict = await client.offer(target.letter.head);
    if (verdict.verdict === 'accept') return { target, client };
    await client.done();
    return failed([verdict.reason, verdict.text].filter(Boolean).join(' '), verdict.reason === 'BUSY');
  } catch (error) {
    if (error instanceof NoServer && sending.sendMail) return { target, mail: sending.sendMail };
    await client?.done();
    const known = asLater(error);
    return failed(known.message, known.code === 'later');
  }
}

async function reach(host: string, { directions, trust, own, clock, sendMail }: Sending): Promise<ImdpClient> {
  const places = await placesOf(host, 'imdp', directions).catch((error: unknown) => {
    if (error instanceof ImaError) throw new NoServer(error.code, error.message);
    throw asLater(error);
  });
  let failure: ImaError = new NoServer('later', `there is no server for ${host}`);
  let silent = true;
  for (const to of places) {
    try {
      const timeout = to.guessed && sendMail ? { timeout: GUESS_TIME } : {};
      return new ImdpClient(await dialIma({ to, host, trust, own, clock, ...timeout }));
    } catch (error) {
      failure = asLater(error);
      silent &&= to.guessed === true && failure.cause instanceof NetError;
    }
  }
  // A server that is known to be there, or shows a wrong certificate, is never gone around.
  throw silent && !(failure instanceof NoServer) ? new NoServer(failure.code, failure.message) : failure;
}

async function takeBack(client: ImdpClient): Promise<void> {
  try {
    await client.cancel();
  } catch (error) {
    asLater(error);
  }
  await client.done();
}

/** Which recipients have it: those named OK, and, where no line names one, what the final word says. */
async function sendTo(client: ImdpClient, { addresses, letter }: Target, { say }: Sending): Promise<boolean[]> {
  const outcomes = new Map<string, boolean>();
  const note = async (result: Exclude<Result, { kind: 'final' }>) => {
    const named = result.kind === 'ok' || result.kind === 'fail' ? sameForm(result.address) : undefined;
    const theirs = named === undefined || addresses.some((address) => sameForm(address) === named);
    if (named !== undefined && theirs) outcomes.set(named, result.kind === 'ok');
    await say(theirs ? formatResult(result) : `NOTE ${formatResult(result)}`); // no server speaks for another's
  };
  let otherwise = false;
  let reason = '';
  try {
    otherwise = (await client.send(letter, note)) === 'OK';
    await client.done();
  } catch (error) {
    reason = asLater(error).message; // whether it was taken is not known
  }
  const all = addresses.map((address) => ({ address, done: outcomes.get(sameForm(address)) }));
  for (const { address, done } of all) {
    if (done !== undefined) continue;
    await say(formatResult(otherwise ? { kind: 'ok', address } : { kind: 'fail', address, text: reason }));
  }
  return all.map(({ done }) => done ?? otherwise);
}

async function sendAsMail(
  mail: NonNullable<Sending['sendMail']>,
  { addresses, letter }: Target,
  { say }: Sending,
): Promise<boolean[]> {
  let failure: string | undefined;
  try {
    await mail(letter, addresses);
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    failure = error.message;
  }
  for (const address of addresses) {
    if (failure === undefined) await say(formatResult({ kind: 'note', text: `${address} gets it as ordinary mail` }));
    await say(formatResult(failure === undefined ? { kind: 'ok', address } : { kind: 'fail', address, text: failure }));
  }
  return addresses.map(() => failure === undefined);
}

async function deliverHere(
  addresses: readonly string[],
  { letter, deliverHere, say, hostparts }: Sending,
): Promise<boolean[]> {
  const outcomes: boolean[] = [];
  const outcome = await deliverHere(
    withBcc(letter, (address) => isOurs(address, hostparts)),
    async (line) => {
      if (/^(?:OK|FAIL) /.test(line)) outcomes.push(line.startsWith('OK'));
      await say(line);
    },
  );
  return outcomes.length > 0 ? outcomes : addresses.map(() => outcome === 0);
}
