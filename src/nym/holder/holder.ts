// A nymholder's one nym, as programs handle it: takes what his server sent, says what is to be said, and does what he asks for. All
// of it is kept in the nym's folder.   spec: mixminion-nym 10

import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { MessageHeaders } from '../../mixminion/payload/header-block.ts';
import type { ServerCommand } from '../messages/to-server.ts';
import { changePolicy, DEFAULT_POLICY } from '../policy.ts';
import { makePhrase, shutdownOf, withPhrase } from './closing-phrase.ts';
import { Desk, type HolderParts, makeKey } from './desk.ts';
import { HolderError } from './errors.ts';
import { deleteMails, mailOf, mailsOf, readMail, wantMails } from './inbox.ts';
import { queue } from './outbox.ts';
import { addressOf, type HeldMail, type HolderRecord, newRecord, type ServerAddress } from './record.ts';
import { say, wantKeys } from './saying.ts';
import { noted, take } from './taking.ts';

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
  readonly #desk: Desk;

  private constructor(desk: Desk) {
    this.#desk = desk;
  }

  /** Makes the keys of a new nym. Nothing is sent before `tend`. Throws HolderError `no-nym` when the folder has one. */
  static async create(
    parts: HolderParts,
    asked: { readonly label: string; readonly server: ServerAddress; readonly candidates: readonly string[] },
  ): Promise<Nymholder> {
    const { folder, clock, random } = parts;
    if ((await folder.record()) !== undefined) throw new HolderError('no-nym', `there is a nym ${asked.label} already`);
    await Promise.all([makeKey(parts, 'identity', 1), makeKey(parts, 'encryption', 1)]);
    const record = newRecord({ ...asked, made: clock.now(), phrase: makePhrase(random) });
    await folder.save(record);
    return new Nymholder(new Desk(parts, record));
  }

  /** Throws HolderError `no-nym` or `nym-folder`. */
  static async open(parts: HolderParts): Promise<Nymholder> {
    const record = await parts.folder.record();
    if (record === undefined) throw new HolderError('no-nym', 'there is no nym in this folder');
    return new Nymholder(new Desk(parts, record));
  }

  get record(): HolderRecord {
    return this.#desk.record;
  }

  get address(): string {
    return addressOf(this.record);
  }

  /** Takes one control message of the server, without its header block. Throws NymError `message` for what is none. */
  async take(message: Buffer): Promise<Received> {
    const { folder, clock } = this.#desk.parts;
    const before = this.record;
    const { record, texts } = take(before, message, await this.#openers(), clock.now());
    for (const { kind, number, octets } of texts) await folder.saveText(kind, number, octets);
    const isFirst = record.phase === 'open' && before.phase !== 'open';
    await this.#desk.save(isFirst ? withPhrase(record) : record);
    if (record.keys.identity !== before.keys.identity) await folder.removeKey('identity', before.keys.identity);
    for (const { kind, number } of texts) if (kind === 'mail') await folder.removeText('synopses', number);
    const count = (wanted: string) => texts.filter(({ kind }) => kind === wanted).length;
    return { mails: count('mail'), synopses: count('synopses') };
  }

  /** Says whatever is to be said now; resolves to how many messages that were. */
  tend(): Promise<number> {
    return say(this.#desk);
  }

  /** Sends a mail from the nym. It goes with the next `tend`. Throws HolderError `nym-state`, NymError for what is no mail. */
  async send({ to, headers, body }: Letter): Promise<void> {
    this.#mustBeOpen();
    const command: ServerCommand = { word: 'RELAY', recipients: to, headers, body };
    await queue(this.#desk, command, `mail to ${to.length}`);
  }

  /** Changes an option of the policy, when those before it are acknowledged. Throws NymError `policy` or `filter`, `nym-state`. */
  async setPolicy(option: string, value: string): Promise<void> {
    this.#mustBeOpen();
    changePolicy(DEFAULT_POLICY, option, Buffer.from(value));
    await this.#desk.change({ changes: [...this.record.changes, { option, value }] });
  }

  /** Takes a new encryption key, or both keys, when the changes before are acknowledged. Throws HolderError `nym-state`. */
  async rotate(keys: 'encryption' | 'both'): Promise<void> {
    this.#mustBeOpen();
    await wantKeys(this.#desk, keys);
  }

  /** Wants mails in full, by their numbers. Throws HolderError `no-mail`, `nym-state`. */
  async fetch(numbers: readonly number[]): Promise<void> {
    this.#mustBeOpen();
    await wantMails(this.#desk, numbers);
  }

  /** Wants synopses of all that the server holds. Throws HolderError `nym-state`. */
  async fetchSummaries(): Promise<void> {
    this.#mustBeOpen();
    await this.#desk.change({ summaryAsked: -1 });
  }

  /** Throws mails away, here and at the server. Throws HolderError `no-mail`. */
  delete(numbers: readonly number[]): Promise<void> {
    return deleteMails(this.#desk, numbers);
  }

  /** Mails that are known, the oldest first. */
  get mails(): readonly HeldMail[] {
    return mailsOf(this.record);
  }

  /** Throws HolderError `no-mail`. */
  mail(number: number): HeldMail {
    return mailOf(this.record, number);
  }

  /** The mail, or its synopsis as long as nothing else is here; it counts as read then. Throws HolderError `no-mail`. */
  read(number: number): Promise<{ readonly mail: HeldMail; readonly text: Buffer }> {
    return readMail(this.#desk, number);
  }

  /** The line of a mail that closes the nym for ever, and the address to send it to. Throws HolderError `nym-state`. */
  shutdown(): { readonly to: string; readonly line: string } {
    this.#mustBeOpen();
    return shutdownOf(this.record);
  }

  /** Nothing is said for this nym any more. */
  async close(): Promise<void> {
    const { clock } = this.#desk.parts;
    await this.#desk.save(noted({ ...this.record, phase: 'closed' }, 'closed from here', clock.now()));
  }

  #mustBeOpen(): void {
    const { phase } = this.record;
    if (phase === 'open') return;
    throw new HolderError('nym-state', `the nym is ${phase === 'closed' ? 'closed' : 'not open yet'}`, {
      remedy: '`postern nym list` says how far it is',
    });
  }

  /** All keys that may open something, the newest first. */
  #openers(): Promise<RsaPrivateKey[]> {
    const { keys, nextKeys, oldKeys } = this.record;
    const next = nextKeys === undefined ? [] : [nextKeys.encryption];
    const numbers = new Set([...next, keys.encryption, ...oldKeys.map(({ encryption }) => encryption)]);
    return Promise.all([...numbers].map((number) => this.#desk.parts.folder.key('encryption', number)));
  }
}
