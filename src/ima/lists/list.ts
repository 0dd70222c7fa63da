// What a list is, and how a post becomes what its subscribers get. Pure.   spec: ima 2.6

import { z } from 'zod';
import { type Letter, withHeaders } from '../letter.ts';
import { type Head, type Header, headerOf, senderOf } from '../wire/message.ts';
import { distinctAddresses, hostOf, sameForm, splitAddress } from '../wire/names.ts';

/** Recipients of one message of a list. */
const MOST_AT_ONCE = 100;

export const listForm = z.strictObject({
  address: z.string(),
  /** Who may post. */
  posting: z.enum(['subscribers', 'anyone']),
  subscribers: z.array(z.string()),
  /** What was asked for and is not confirmed. */
  pending: z.array(
    z.strictObject({
      token: z.string(),
      address: z.string(),
      wish: z.enum(['subscribe', 'unsubscribe']),
      until: z.number(),
    }),
  ),
});
export type MailList = z.infer<typeof listForm>;

/** Who wrote it, if that is certain: a mailer of another domain can say anything. */
export function certainWriter(head: Head): string | undefined {
  return hostOf(senderOf(head)) === hostOf(head.from) ? head.from : undefined;
}

export function mayPost(list: MailList, head: Head): boolean {
  if (list.posting === 'anyone') return true;
  const writer = certainWriter(head);
  return writer !== undefined && list.subscribers.some((address) => sameForm(address) === sameForm(writer));
}

/** A list that gets its own mail back would go round for ever.   spec: ima 2.6 */
export function cameFrom({ headers }: Head, list: string): boolean {
  return headers.some(({ name, value }) => name === 'x-list-id' && sameForm(value) === sameForm(list));
}

/** One message for each hostpart and at most a hundred subscribers, so that one server that is away stops nobody else. */
export function copiesFor({ address, subscribers }: MailList, letter: Letter): Letter[] {
  const { local = '', host = '' } = splitAddress(address) ?? {};
  const added: Header[] = [
    { name: 'mailer', value: `${local}-bounces@${host}` },
    { name: 'x-list-id', value: address },
    { name: 'x-list-post', value: address },
    { name: 'x-list-unsubscribe', value: `${local}+unsubscribe@${host}` },
  ];
  return batches(subscribers).map((batch) => {
    const changed = letter.head.headers.flatMap((header): Header[] => {
      switch (header.name) {
        case 'mailer':
        case 'bcc':
        case 'x-list-id':
        case 'x-list-post':
        case 'x-list-unsubscribe':
          return [];
        case 'to':
        case 'cc':
          return [{ name: `x-list-${header.name}`, value: header.value }];
        case 'from':
          return [header, ...added, { name: 'bcc', value: batch.join(', ') }];
        default:
          return [header];
      }
    });
    return withHeaders(letter, changed);
  });
}

/** What user agents show: whom it was written to in the first place. */
export function shownRecipients(head: Head): { readonly to: string; readonly cc: string } {
  const value = (name: string) => headerOf(head, name) ?? headerOf(head, `x-list-${name}`) ?? '';
  return { to: value('to'), cc: value('cc') };
}

function batches(subscribers: readonly string[]): string[][] {
  const byHost = Map.groupBy(distinctAddresses(subscribers), hostOf);
  return [...byHost.values()].flatMap((addresses) =>
    Array.from({ length: Math.ceil(addresses.length / MOST_AT_ONCE) }, (_, at) =>
      addresses.slice(at * MOST_AT_ONCE, (at + 1) * MOST_AT_ONCE),
    ),
  );
}
