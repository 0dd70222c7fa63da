// A control message from a nymholder: who sent it, whether it was here before, and each of its commands.   spec: mixminion-nym 6.1

import { equalBytes, toHex } from '../../base/bytes.ts';
import { codeOf, messageOf, PosternError } from '../../base/errors.ts';
import { DAY } from '../../base/time.ts';
import { NymError } from '../errors.ts';
import { ID_LENGTH } from '../messages/frames.ts';
import { type HolderCommand, writeHolderMessage } from '../messages/to-holder.ts';
import { type BadCommand, readServerMessage, type ServerCommand, type ServerMessage } from '../messages/to-server.ts';
import { changePolicy } from '../policy.ts';
import type { Desk } from './desk.ts';
import { type NymRecord, newRecord } from './record.ts';
import { keepForEver, nymOfKey, reserve, within } from './registry.ts';
import { writeRelayedMail } from './relayed-mail.ts';
import { keepPhrase } from './shutdown.ts';

const LEAST_SURBS = 3;
/** SEQNOs are known this long. */
const REPEATS = 60 * DAY;
/** Commands that are answered as soon as may be.   spec: mixminion-nym 6.2 */
const QUICK: ReadonlySet<string> = new Set(['CREATE', 'CREATE2', 'GET', 'SUMMARIZE']);
const SLOW_ANSWER = DAY;
const ECHO = 0x00;

/** What became of it, for counting. Whoever sent it hears nothing of what was dropped. */
export type Taken = 'done' | 'repeated' | 'malformed' | 'unknown-nym' | 'bad-signature' | 'incomplete' | 'refused';

/** Executes one message. It may have been executed in part before, if the process died at the wrong moment. */
export async function takeControl(desk: Desk, octets: Buffer): Promise<Taken> {
  let message: ServerMessage;
  try {
    message = readServerMessage(octets);
  } catch (error) {
    if (error instanceof NymError) return 'malformed';
    throw error;
  }
  if (message.nym === '') return create(desk, message);
  return desk.turns.take(message.nym, () => execute(desk, message));
}

async function execute(desk: Desk, message: ServerMessage): Promise<Taken> {
  const { post, vault } = desk;
  const { nym, seqno } = message;
  let record = await vault.record(nym);
  if (record === undefined) return 'unknown-nym';
  const signer = record.identities.find((key) => message.signedBy(key));
  if (signer === undefined) return 'bad-signature';
  // Its first message under a new key ends the old one.   spec: mixminion-nym 2.4
  if (signer !== record.identities[0]) record = { ...record, identities: [signer] };

  const processed = `nym-seqno/${nym}`;
  const repeated = await post.store.seen.has(processed, seqno);
  if (repeated) {
    const told = record.told.filter(({ nonce }) => nonce === toHex(seqno));
    record = { ...record, errors: [...record.errors, ...told], told: record.told.filter((one) => !told.includes(one)) };
  } else {
    for (const [index, command] of message.commands.entries()) {
      record = await attempt(desk, { nym, seqno, index }, command, record);
    }
  }
  const unacknowledged = [...new Set([...record.unacknowledged, toHex(seqno)])];
  const now = post.clock.now();
  const quick = message.commands.some(({ word }) => QUICK.has(word));
  const answerBy = Math.min(record.answerBy ?? Number.POSITIVE_INFINITY, quick ? now : now + SLOW_ANSWER);
  await vault.save(nym, { ...record, unacknowledged, answerBy });
  await post.store.seen.add(processed, [seqno], now + REPEATS);
  await desk.wake(nym, answerBy);
  await desk.wake(nym, now); // reply blocks may have come for what waits
  return repeated ? 'repeated' : 'done';
}

interface Context {
  readonly nym: string;
  readonly seqno: Buffer;
  readonly index: number;
}

/** A command that fails is told of, and the others go on.   spec: mixminion-nym 6.1 */
async function attempt(
  desk: Desk,
  context: Context,
  command: ServerCommand | BadCommand,
  record: NymRecord,
): Promise<NymRecord> {
  try {
    return await run(desk, context, command, record);
  } catch (error) {
    if (!(error instanceof PosternError) || codeOf(error) === 'disk-full') throw error;
    return withError(record, context.seqno, messageOf(error));
  }
}

async function run(
  desk: Desk,
  context: Context,
  command: ServerCommand | BadCommand,
  record: NymRecord,
): Promise<NymRecord> {
  const { vault, stock } = desk;
  const { nym, seqno } = context;
  const owner = vault.idOf(nym);
  switch (command.word) {
    case 'bad':
      return withError(record, seqno, `command ${command.code}: ${command.reason}`);
    case 'CREATE':
      return withError(record, seqno, 'this nym was created before');
    case 'CREATE2':
      return confirm(desk, context, command.response, record);
    case 'SURB': {
      if (command.surbs.length === 0) {
        await stock.forget(owner);
        return record;
      }
      const { refused } = await stock.add(owner, command.surbs);
      const flaws = [...new Set([...refused, ...(command.broken ? ['broken'] : [])])];
      return flaws.length === 0 ? record : withError(record, seqno, `reply blocks were not taken: ${flaws.join(', ')}`);
    }
    case 'NEWPK': {
      const current = record.identities[0];
      const same = current !== undefined && equalBytes(current.digest, command.identity.digest);
      const identities = same || current === undefined ? [command.identity] : [current, command.identity];
      return { ...record, identities, encryption: command.encryption };
    }
    case 'RELAY':
      await relay(desk, context, command, record);
      return record;
    // spec: mixminion-nym 2.6
    case 'GET': {
      const found = await Promise.all(command.ids.map((id) => vault.find(nym, id)));
      const known = command.ids.filter((_, place) => found[place] !== undefined).map(toHex);
      const unknown = command.ids.filter((_, place) => found[place] === undefined).map(toHex);
      return { ...record, requested: unique(record.requested, known), dropped: unique(record.dropped, unknown) };
    }
    case 'SUMMARIZE':
      return { ...record, owesStatus: true, ...(await summarize(desk, nym, command, record)) };
    // spec: mixminion-nym 2.8
    case 'DELETE': {
      await vault.drop(nym, command.ids);
      const gone = command.ids.map(toHex);
      const requested = record.requested.filter((id) => !gone.includes(id));
      return { ...record, requested, dropped: unique(record.dropped, gone) };
    }
    case 'POLICY':
      return setPolicy(desk, record, command.option, command.value);
  }
}

/** Of a shutdown phrase only a slow hash is kept.   spec: mixminion-nym 2.9, 7 */
async function setPolicy(desk: Desk, record: NymRecord, option: string, value: Buffer): Promise<NymRecord> {
  const { shutdownPhrase, ...policy } = changePolicy(record.policy, option, value);
  const changed = { ...record, policy: { ...policy, shutdownPhrase: undefined } };
  if (option !== 'ShutdownPhrase') return changed;
  return { ...changed, shutdown: shutdownPhrase && (await keepPhrase(desk, shutdownPhrase)) };
}

/** The sets that tell of mails after `after`, oldest first, until they tell of as many as were asked for.   spec: mixminion-nym 2.7 */
async function summarize(
  { vault }: Desk,
  nym: string,
  { most, after }: { most: number; after: Buffer },
  record: NymRecord,
): Promise<Pick<NymRecord, 'requestedSets' | 'askedOpen'>> {
  const start = (await vault.find(nym, after))?.place ?? 0;
  const mails = [...(await vault.waiting(nym)), ...(await vault.kept(nym))];
  const newer = new Set(mails.filter(({ place }) => place > start).map(({ id }) => toHex(id)));
  let left = most;
  const requestedSets = record.sets
    .filter((set) => {
      const tells = set.ids.filter((id) => newer.has(id)).length;
      const taken = left > 0 && tells > 0;
      if (taken) left -= tells;
      return taken;
    })
    .map(({ number }) => number);
  return { requestedSets, askedOpen: left > 0 };
}

/** spec: mixminion-nym 2.2 */
async function confirm(desk: Desk, { nym }: Context, response: Buffer, record: NymRecord): Promise<NymRecord> {
  if (record.state === 'open') return { ...record, owesCreated: true };
  if (record.state === 'waiting') return record; // for the operator
  if (!equalBytes(response, record.challenge)) throw new NymError('message', 'this does not answer the challenge');
  await keepForEver(desk, nym);
  const state = desk.limits.approval ? 'waiting' : 'open';
  return { ...record, state, challenge: Buffer.alloc(0), owesCreated: state === 'open' };
}

/** spec: mixminion-nym 2.5, 6.4 */
async function relay(
  desk: Desk,
  { nym, seqno, index }: Context,
  { recipients, headers, body }: Extract<ServerCommand, { word: 'RELAY' }>,
  record: NymRecord,
): Promise<void> {
  const { post, limits, domain } = desk;
  if (record.state !== 'open') throw new NymError('message', 'this nym is not open');
  const fits =
    (await within(desk, `relays/${nym}`, limits.relaysPerDay)) &&
    (await within(desk, `recipients/${nym}`, limits.recipientsPerDay, recipients.length));
  if (!fits) throw new NymError('message', 'the mails that a nym may send a day are used up');
  const message = writeRelayedMail({ nym, domain, recipients, headers, body }, post.clock.now(), post.random);
  await desk.sendMail({ from: `${nym}@${domain}`, to: recipients, message, once: `nym/${toHex(seqno)}/${index}` });
}

/** The first message for a nym: keys, names and reply blocks, in any order.   spec: mixminion-nym 2.1 */
async function create(desk: Desk, message: ServerMessage): Promise<Taken> {
  const { commands, seqno } = message;
  const keys = commands.find((command) => command.word === 'NEWPK');
  const names = commands.find((command) => command.word === 'CREATE');
  const surbs = commands.flatMap((command) => (command.word === 'SURB' ? command.surbs : []));
  if (keys === undefined || !message.signedBy(keys.identity)) return keys ? 'bad-signature' : 'incomplete';
  if (surbs.length < LEAST_SURBS) return 'incomplete';
  return desk.turns.take(`key ${keys.identity.fingerprint}`, async () => {
    const known = await nymOfKey(desk, keys.identity);
    if (known !== undefined) return desk.turns.take(known, () => repeatGrant(desk, known, message, surbs));
    const refuse = async (text: string): Promise<Taken> => {
      const error: HolderCommand = { word: 'ERROR', nonce: seqno, text };
      await desk.prepareReply(1)(writeHolderMessage([error]), surbs.slice(0, 1));
      return 'refused';
    };
    if (names === undefined) return refuse('CREATE is missing, or asks for what this server does not know');
    if (!(await within(desk, 'new-nyms', desk.limits.newNymsPerDay))) return refuse('no more nyms are given out today');
    const record: NymRecord = {
      ...newRecord({
        state: 'reserved',
        made: desk.post.clock.now(),
        challenge: Buffer.concat([Buffer.of(ECHO), desk.post.random.bytes(ID_LENGTH)]),
        identities: [keys.identity],
        encryption: keys.encryption,
      }),
      unacknowledged: [toHex(seqno)],
      answerBy: desk.post.clock.now(),
    };
    const nym = await reserve(desk, names.candidates, record);
    if (nym === undefined) return refuse('none of these names is free');
    await desk.stock.add(desk.vault.idOf(nym), surbs);
    await desk.wake(nym, desk.post.clock.now());
    return 'done';
  });
}

/** The answer was lost: the same nym again.   spec: mixminion-nym 2.1 */
async function repeatGrant(
  desk: Desk,
  nym: string,
  { seqno }: ServerMessage,
  surbs: Parameters<Desk['stock']['add']>[1],
): Promise<Taken> {
  const record = await desk.vault.record(nym);
  if (record === undefined) return 'unknown-nym';
  await desk.stock.add(desk.vault.idOf(nym), surbs);
  const now = desk.post.clock.now();
  const unacknowledged = unique(record.unacknowledged, [toHex(seqno)]);
  await desk.vault.save(nym, { ...record, owesCreated: true, unacknowledged, answerBy: now });
  await desk.wake(nym, now);
  return 'repeated';
}

function withError(record: NymRecord, seqno: Buffer, text: string): NymRecord {
  return { ...record, errors: [...record.errors, { nonce: toHex(seqno), text }] };
}

function unique(known: readonly string[], more: readonly string[]): string[] {
  return [...new Set([...known, ...more])];
}
