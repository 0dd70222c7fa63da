// A nymholder's desk for one nym: takes what his server sent, says what is to be said, and keeps all of it in the nym's folder.
// Every step can be cut off and made again.   spec: mixminion-nym 10

import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { type Clock, DAY, SECOND } from '../../base/time.ts';
import { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { Surb } from '../../mixminion/packet/surb.ts';
import type { MessageHeaders } from '../../mixminion/payload/header-block.ts';
import { ID_LENGTH, NO_ID } from '../messages/frames.ts';
import { type ServerCommand, signMessage, writeSigned } from '../messages/to-server.ts';
import { changePolicy, DEFAULT_POLICY } from '../policy.ts';
import { phraseDigest } from '../shutdown-phrase.ts';
import { HolderError } from './errors.ts';
import type { NymFolder } from './folder.ts';
import {
  addressOf,
  type Change,
  type HeldMail,
  type HolderRecord,
  newRecord,
  type Outstanding,
  type ServerAddress,
} from './record.ts';
import { noted, take } from './taking.ts';
import { type Asking, CONFIRMATION, dutiesOf } from './tending.ts';

const KEY_BITS = 2048;
/** Ids of mail that was thrown away are known so long. */
const REMEMBERED = 60 * DAY;
const SHUTDOWN_OPTION = 'ShutdownPhrase';
/** Letters and digits that nobody confuses: 5 bits each, 100 in all. */
const PHRASE_LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';
const PHRASE_LENGTH = 20;
const PHRASE_GROUP = 5;

/** How a nymholder reaches the mix. */
export interface HolderMix {
  /** Fresh reply blocks of that identity; the secret that reads the answers is on the disk before. */
  surbs(identity: string, count: number): Promise<readonly Surb[]>;
  /** Durable on its way when it resolves. */
  send(message: Buffer, server: ServerAddress): Promise<void>;
}

export interface HolderParts {
  readonly folder: NymFolder;
  readonly mix: HolderMix;
  readonly clock: Clock;
  readonly random: Random;
  /** Makes a key pair; tests have some in store. */
  readonly generate?: (bits: number) => Promise<RsaPrivateKey>;
}

export interface Letter {
  readonly to: readonly string[];
  readonly headers: MessageHeaders;
  readonly body: Buffer;
}

/** What one message brought. */
export interface Received {
  readonly mails: number;
  readonly synopses: number;
}

export class Nymholder {
  readonly #parts: HolderParts;
  #record: HolderRecord;

  private constructor(parts: HolderParts, record: HolderRecord) {
    this.#parts = parts;
    this.#record = record;
  }

  /** Makes the keys of a new nym. Nothing is sent before `tend`. Throws HolderError `no-nym` when the folder has one. */
  static async create(
    parts: HolderParts,
    asked: { readonly label: string; readonly server: ServerAddress; readonly candidates: readonly string[] },
  ): Promise<Nymholder> {
    const { folder, clock, random, generate = RsaPrivateKey.generate } = parts;
    if ((await folder.record()) !== undefined) throw new HolderError('no-nym', `there is a nym ${asked.label} already`);
    const [identity, encryption] = await Promise.all([generate(KEY_BITS), generate(KEY_BITS)]);
    await folder.saveKey('identity', 1, identity);
    await folder.saveKey('encryption', 1, encryption);
    const record = newRecord({ ...asked, made: clock.now(), phrase: makePhrase(random) });
    await folder.save(record);
    return new Nymholder(parts, record);
  }

  /** Throws HolderError `no-nym` or `nym-folder`. */
  static async open(parts: HolderParts): Promise<Nymholder> {
    const record = await parts.folder.record();
    if (record === undefined) throw new HolderError('no-nym', 'there is no nym in this folder');
    return new Nymholder(parts, record);
  }

  get record(): HolderRecord {
    return this.#record;
  }

  get address(): string {
    return addressOf(this.#record);
  }

  /** Takes one control message of the server, without its header block. Throws NymError `message` for what is none. */
  async take(message: Buffer): Promise<Received> {
    const { folder, clock } = this.#parts;
    const { record, texts } = take(this.#record, message, await this.#openers(), clock.now());
    for (const { kind, number, octets } of texts) await folder.saveText(kind, number, octets);
    const turned = record.keys.identity !== this.#record.keys.identity ? this.#record.keys.identity : undefined;
    const isFirst = record.phase === 'open' && this.#record.phase !== 'open';
    await this.#save(isFirst ? withPhrase(record) : record);
    if (turned !== undefined) await folder.removeKey('identity', turned);
    for (const { kind, number } of texts) if (kind === 'mail') await folder.removeText('synopses', number);
    const count = (wanted: string) => texts.filter(({ kind }) => kind === wanted).length;
    return { mails: count('mail'), synopses: count('synopses') };
  }

  /** Says whatever is to be said now; resolves to how many messages that were. */
  async tend(): Promise<number> {
    const { clock } = this.#parts;
    const now = clock.now();
    if (dutiesOf(this.#record, now).rotate) await this.rotate('encryption');
    const duties = dutiesOf(this.#record, now);
    await this.#forget(duties.expiredKeys, now);
    if (duties.confirm) await this.#confirm();
    if (duties.change) await this.#sendChange();
    if (duties.drop.length > 0) await this.#sendDeletions(duties.drop);
    for (const asking of duties.ask) await this.#ask(asking);
    let sent = duties.ask.length;
    for (const { seqno } of dutiesOf(this.#record, now).repeat) {
      await this.#dispatch(seqno);
      sent += 1;
    }
    return sent;
  }

  /** Sends a mail from the nym. It goes with the next `tend`. Throws HolderError `nym-state`, NymError for what is no mail. */
  async send({ to, headers, body }: Letter): Promise<void> {
    this.#mustBeOpen();
    const command: ServerCommand = { word: 'RELAY', recipients: to, headers, body };
    await this.#queue(command, `mail to ${to.length}`);
  }

  /** Changes an option of the policy, when those before it are acknowledged. Throws NymError `policy` or `filter`, `nym-state`. */
  async setPolicy(option: string, value: string): Promise<void> {
    this.#mustBeOpen();
    changePolicy(DEFAULT_POLICY, option, Buffer.from(value));
    await this.#save({ ...this.#record, changes: [...this.#record.changes, { option, value }] });
  }

  /** Takes a new encryption key, or both keys, when the changes before are acknowledged. Throws HolderError `nym-state`. */
  async rotate(keys: 'encryption' | 'both'): Promise<void> {
    this.#mustBeOpen();
    await this.#save({ ...this.#record, changes: [...this.#record.changes, { keys }] });
  }

  /** Wants mails in full, by their numbers. Throws HolderError `no-mail`, `nym-state`. */
  async fetch(numbers: readonly number[]): Promise<void> {
    this.#mustBeOpen();
    const wanted = numbers.map((number) => this.mail(number));
    await this.#changeMails((mail) => {
      const isFetched = mail.state === 'synopsis' && mail.copy === 'kept';
      return wanted.includes(mail) && isFetched ? { ...mail, wanted: 0 } : mail;
    });
  }

  /** Wants synopses of all that the server holds. */
  async fetchSummaries(): Promise<void> {
    this.#mustBeOpen();
    await this.#save({ ...this.#record, summaryAsked: -1 });
  }

  /** Throws mails away, here and at the server. Throws HolderError `no-mail`. */
  async delete(numbers: readonly number[]): Promise<void> {
    const { folder, clock } = this.#parts;
    const gone = numbers.map((number) => this.mail(number));
    await this.#changeMails((mail) => {
      if (!gone.includes(mail)) return mail;
      const copy = mail.copy === 'kept' ? 'unwanted' : mail.copy;
      return { ...mail, state: 'deleted', from: '', subject: '', since: clock.now(), wanted: undefined, copy };
    });
    for (const { number } of gone) {
      await folder.removeText('mail', number);
      await folder.removeText('synopses', number);
    }
  }

  /** Mails that are known, the oldest first. */
  get mails(): readonly HeldMail[] {
    return this.#record.mails.filter(({ state }) => state !== 'deleted');
  }

  /** Throws HolderError `no-mail`. */
  mail(number: number): HeldMail {
    const found = this.mails.find((mail) => mail.number === number);
    if (found === undefined) {
      throw new HolderError('no-mail', `there is no mail ${number}`, { remedy: 'see `postern nym inbox`' });
    }
    return found;
  }

  /** The mail, or its synopsis as long as nothing else is here; it counts as read then. Throws HolderError `no-mail`. */
  async read(number: number): Promise<{ readonly mail: HeldMail; readonly text: Buffer }> {
    const mail = this.mail(number);
    const text = await this.#parts.folder.text(mail.state === 'here' ? 'mail' : 'synopses', number);
    if (text === undefined) throw new HolderError('no-mail', `the file of mail ${number} is gone`);
    if (mail.state === 'here') await this.#changeMails((other) => (other === mail ? { ...mail, read: true } : other));
    return { mail, text };
  }

  /** The line of a mail that closes the nym for ever, and the address to send it to.   spec: mixminion-nym 7 */
  shutdown(): { readonly to: string; readonly line: string } {
    this.#mustBeOpen();
    const { nym, server, phrase, policy } = this.#record;
    if (policy[SHUTDOWN_OPTION] === undefined) {
      throw new HolderError('nym-state', 'the server does not know the phrase yet', {
        remedy: 'try again in some days',
      });
    }
    return { to: `nym-shutdown@${server.domain}`, line: `SHUTDOWN ${nym} ${phrase}` };
  }

  /** Nothing is said for this nym any more. */
  async close(): Promise<void> {
    await this.#save(noted({ ...this.#record, phase: 'closed' }, 'closed from here', this.#parts.clock.now()));
  }

  #mustBeOpen(): void {
    const { phase } = this.#record;
    if (phase === 'open') return;
    throw new HolderError('nym-state', `the nym is ${phase === 'closed' ? 'closed' : 'not open yet'}`, {
      remedy: '`postern nym list` says how far it is',
    });
  }

  /** All keys that may open something, the newest first. */
  #openers(): Promise<RsaPrivateKey[]> {
    const { keys, nextKeys, oldKeys } = this.#record;
    const next = nextKeys === undefined ? [] : [nextKeys.encryption];
    const numbers = new Set([...next, keys.encryption, ...oldKeys.map(({ encryption }) => encryption)]);
    return Promise.all([...numbers].map((number) => this.#parts.folder.key('encryption', number)));
  }

  async #ask({ create, surbs, get, summaries }: Asking): Promise<void> {
    const { mix, clock, folder } = this.#parts;
    const { identities, keys, label } = this.#record;
    const now = clock.now();
    const commands: ServerCommand[] = [];
    if (create) {
      const key = await folder.key('identity', keys.identity);
      const encryption = (await folder.key('encryption', keys.encryption)).publicKey;
      commands.push(
        { word: 'CREATE', candidates: this.#record.candidates },
        { word: 'NEWPK', identity: key.publicKey, encryption },
      );
    }
    const blocks = surbs === 0 ? [] : await mix.surbs(identities.at(-1) ?? label, surbs);
    if (blocks.length > 0) commands.push({ word: 'SURB', surbs: blocks });
    if (get.length > 0) commands.push({ word: 'GET', ids: get.map((id) => Buffer.from(id, 'hex')) });
    if (summaries !== undefined) commands.push({ word: 'SUMMARIZE', most: summaries, after: NO_ID });
    const seqno = this.#parts.random.bytes(ID_LENGTH);
    const message = await this.#sign(this.#write(commands, seqno));
    const batch = {
      seqno: toHex(seqno),
      count: blocks.length,
      expires: firstExpiry(blocks),
      sent: now,
      arrived: false,
    };
    const isAsked = summaries !== undefined || get.length > 0 || create;
    const isSummary = summaries !== undefined && summaries > 0;
    await this.#save({
      ...this.#record,
      asked: isAsked ? now : this.#record.asked,
      summaryAsked: isSummary ? now : this.#record.summaryAsked,
      batches: [...this.#record.batches.filter(({ expires }) => expires > now), ...(blocks.length > 0 ? [batch] : [])],
      mails: this.#record.mails.map((mail) => (get.includes(mail.id) ? { ...mail, wanted: now } : mail)),
    });
    await mix.send(message, this.#record.server);
  }

  /** spec: mixminion-nym 2.2 */
  async #confirm(): Promise<void> {
    const command: ServerCommand = { word: 'CREATE2', response: Buffer.from(this.#record.challenge, 'hex') };
    await this.#queue(command, CONFIRMATION, { confirmed: true, asked: this.#parts.clock.now() });
  }

  async #sendChange(): Promise<void> {
    const [change] = this.#record.changes;
    if (change === undefined) return;
    if ('keys' in change) await this.#sendKeys(change.keys);
    else await this.#queue(policyCommand(change), `policy ${change.option}`, {}, { change: true });
  }

  /** Signed by the old identity key until the new one is acknowledged.   spec: mixminion-nym 2.4 */
  async #sendKeys(kind: 'encryption' | 'both'): Promise<void> {
    const { folder, generate = RsaPrivateKey.generate } = this.#parts;
    const { keys } = this.#record;
    const next = { identity: kind === 'both' ? keys.identity + 1 : keys.identity, encryption: keys.encryption + 1 };
    const encryption = await generate(KEY_BITS);
    await folder.saveKey('encryption', next.encryption, encryption);
    if (kind === 'both') await folder.saveKey('identity', next.identity, await generate(KEY_BITS));
    const identity = (await folder.key('identity', next.identity)).publicKey;
    const command: ServerCommand = { word: 'NEWPK', identity, encryption: encryption.publicKey };
    const what = kind === 'both' ? 'new keys' : 'new encryption key';
    await this.#queue(command, what, { nextKeys: next }, { change: true });
  }

  async #sendDeletions(ids: readonly string[]): Promise<void> {
    const command: ServerCommand = { word: 'DELETE', ids: ids.map((id) => Buffer.from(id, 'hex')) };
    const mails = this.#record.mails.map((mail) =>
      ids.includes(mail.id) ? { ...mail, copy: 'deleting' as const } : mail,
    );
    await this.#queue(command, `deletion of ${ids.length}`, { mails }, { deletes: ids });
  }

  /** Keeps a message that is to be acknowledged; `tend` hands it to the mix. */
  async #queue(
    command: ServerCommand,
    what: string,
    changes: Partial<HolderRecord> = {},
    kind: Partial<Pick<Outstanding, 'change' | 'deletes'>> = {},
  ): Promise<void> {
    const seqno = this.#parts.random.bytes(ID_LENGTH);
    const signed = toHex(this.#write([command], seqno));
    const message = { seqno: toHex(seqno), signed, what, change: false, deletes: [], ...kind, sent: undefined };
    const outstanding = [...this.#record.outstanding, message];
    await this.#save({ ...this.#record, ...changes, outstanding });
  }

  /** First to the mix, then a note of it: a message may go twice, never not at all. */
  async #dispatch(seqno: string): Promise<void> {
    const { mix, clock } = this.#parts;
    const message = this.#record.outstanding.find((other) => other.seqno === seqno);
    if (message === undefined) return;
    await mix.send(await this.#sign(Buffer.from(message.signed, 'hex')), this.#record.server);
    const sent = { ...message, sent: clock.now() };
    const outstanding = this.#record.outstanding.map((other) => (other.seqno === seqno ? sent : other));
    await this.#save({ ...this.#record, outstanding });
  }

  #write(commands: readonly ServerCommand[], seqno: Buffer): Buffer {
    const { nym, phase } = this.#record;
    return writeSigned({ nym: phase === 'asked' ? '' : (nym ?? ''), seqno, commands });
  }

  async #sign(signed: Buffer): Promise<Buffer> {
    const identity = await this.#parts.folder.key('identity', this.#record.keys.identity);
    return signMessage(signed, identity, this.#parts.random);
  }

  async #forget(expiredKeys: readonly number[], now: number): Promise<void> {
    const { record } = this;
    const isOld = ({ state, copy, since }: HeldMail) =>
      state === 'deleted' && copy === 'gone' && now - since > REMEMBERED;
    if (expiredKeys.length === 0 && !record.mails.some(isOld)) return;
    for (const number of expiredKeys) await this.#parts.folder.removeKey('encryption', number);
    await this.#save({
      ...record,
      mails: record.mails.filter((mail) => !isOld(mail)),
      oldKeys: record.oldKeys.filter(({ encryption }) => !expiredKeys.includes(encryption)),
    });
  }

  #changeMails(change: (mail: HeldMail) => HeldMail): Promise<void> {
    return this.#save({ ...this.#record, mails: this.#record.mails.map(change) });
  }

  async #save(record: HolderRecord): Promise<void> {
    if (record === this.#record) return;
    await this.#parts.folder.save(record);
    this.#record = record;
  }
}

/** What is told to the server as soon as the nym is open.   spec: mixminion-nym 7 */
function withPhrase(record: HolderRecord): HolderRecord {
  const change: Change = { option: SHUTDOWN_OPTION, value: toHex(phraseDigest(record.phrase)) };
  return { ...record, changes: [...record.changes, change] };
}

function policyCommand({ option, value }: Extract<Change, { option: string }>): ServerCommand {
  return { word: 'POLICY', option, value: Buffer.from(value, option === SHUTDOWN_OPTION ? 'hex' : 'utf8') };
}

function makePhrase(random: Random): string {
  const letters = [...random.bytes(PHRASE_LENGTH)].map((octet) => PHRASE_LETTERS[octet % PHRASE_LETTERS.length]);
  return letters.join('').replace(new RegExp(`.{${PHRASE_GROUP}}(?=.)`, 'g'), '$&-');
}

function firstExpiry(surbs: readonly Surb[]): number {
  return surbs.length === 0 ? 0 : Math.min(...surbs.map(({ useBy }) => useBy)) * SECOND;
}
