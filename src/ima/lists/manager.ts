// `builtin:list`: takes posts, wishes to subscribe and their confirmations.   spec: ima 2.6

import { equalBytes, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import { type Clock, DAY } from '../../base/time.ts';
import { compose } from '../compose.ts';
import { ImaError } from '../errors.ts';
import type { Letter } from '../letter.ts';
import { sameForm, splitAddress } from '../wire/names.ts';
import { readListAddress } from './addresses.ts';
import { cameFrom, certainWriter, copiesFor, type MailList, mayPost } from './list.ts';
import type { ListRecords } from './records.ts';

const CONFIRM_TIME = 7 * DAY;
const MAX_PENDING = 1000;
const MAX_SUBSCRIBERS = 20_000;
const TOKEN = 16;

export interface ListTools {
  readonly records: ListRecords;
  readonly clock: Clock;
  readonly random: Random;
  /** server-send-mail; its lines go to `say`. */
  send(letter: Letter, say: (line: string) => Promise<void>): Promise<unknown>;
}

export class Lists {
  readonly #tools: ListTools;

  constructor(tools: ListTools) {
    this.#tools = tools;
  }

  /** The list that takes mail for this address, itself or one of its commands; undefined when there is none. */
  async taking(address: string): Promise<string | undefined> {
    const read = readListAddress(address);
    return read && (await this.#tools.records.get(read.list)) ? read.list : undefined;
  }

  /** Throws ImaError `unknown`. */
  async change(address: string, change: (list: MailList) => MailList): Promise<MailList> {
    return (await this.#tools.records.change(address, change)) ?? none(address);
  }

  subscribe(address: string, subscriber: string): Promise<MailList> {
    return this.change(address, (list) => {
      if (list.subscribers.length >= MAX_SUBSCRIBERS) throw new ImaError('full', 'the list is full');
      return { ...without(list, subscriber), subscribers: [...without(list, subscriber).subscribers, subscriber] };
    });
  }

  unsubscribe(address: string, subscriber: string): Promise<MailList> {
    return this.change(address, (list) => without(list, subscriber));
  }

  /** What the list does with a message for one of its addresses; true when it took it. */
  async handle(name: string, address: string, letter: Letter, say: (line: string) => Promise<void>): Promise<boolean> {
    const list = await this.#tools.records.get(name);
    const read = readListAddress(address);
    if (list === undefined || read === undefined) return none(name);
    if (cameFrom(letter.head, list.address)) throw new ImaError('refused', 'this came from the list itself');
    switch (read.mail.kind) {
      case 'bounce':
        return true;
      case 'wish':
        return this.#wish(list, read.mail.wish, letter, say);
      case 'confirm':
        return this.#confirm(list, read.mail.token);
      case 'post':
        if (!mayPost(list, letter.head)) throw new ImaError('refused', 'only subscribers may write to this list');
        // One dead server does not undo what others have: its failure is a line, not the list's.
        await Promise.all(copiesFor(list, letter).map((copy) => this.#tools.send(copy, say)));
        return true;
    }
  }

  async #wish(
    list: MailList,
    wish: 'subscribe' | 'unsubscribe',
    letter: Letter,
    say: (line: string) => Promise<void>,
  ): Promise<boolean> {
    const { clock, random } = this.#tools;
    const writer = certainWriter(letter.head);
    if (writer === undefined) throw new ImaError('refused', 'who wrote this is not certain');
    const token = toHex(random.bytes(TOKEN));
    const now = clock.now();
    await this.change(list.address, (before) => {
      const pending = before.pending.filter(
        ({ until, address }) => until > now && sameForm(address) !== sameForm(writer),
      );
      if (pending.length >= MAX_PENDING) throw new ImaError('later', 'too many wait for a confirmation');
      return { ...before, pending: [...pending, { token, address: writer, wish, until: now + CONFIRM_TIME }] };
    });
    const { local = '', host = '' } = splitAddress(list.address) ?? {};
    const text = `Somebody, perhaps you, wants to ${wish} ${writer} ${wish === 'subscribe' ? 'to' : 'from'} the list ${list.address}.\n\nAnswer this message within a week to confirm it. Otherwise do nothing.\n`;
    const question = compose(
      {
        from: `${local}+confirm-${token}@${host}`,
        to: [writer],
        subject: `Please confirm: ${wish} ${list.address}`,
        extra: [{ name: 'x-list-id', value: list.address }],
        parts: [{ role: 'body', type: 'text/plain', content: Buffer.from(text) }],
      },
      { clock, random },
    );
    await this.#tools.send(question, say);
    return true;
  }

  async #confirm(list: MailList, token: string): Promise<boolean> {
    const now = this.#tools.clock.now();
    const given = Buffer.from(token);
    const found = list.pending.find((one) => one.until > now && equalBytes(Buffer.from(one.token), given));
    if (found === undefined) throw new ImaError('unknown', 'nothing waits for this confirmation');
    if (found.wish === 'subscribe') await this.subscribe(list.address, found.address);
    else await this.unsubscribe(list.address, found.address);
    await this.change(list.address, (after) => ({
      ...after,
      pending: after.pending.filter((one) => one.token !== found.token),
    }));
    return true;
  }
}

function without(list: MailList, subscriber: string): MailList {
  return { ...list, subscribers: list.subscribers.filter((address) => sameForm(address) !== sameForm(subscriber)) };
}

function none(address: string): never {
  throw new ImaError('unknown', `there is no list ${address}`);
}
