// The addresses that belong to a list: its own, and those of its commands. Pure.   spec: ima 2.6

import { sameForm, splitAddress } from '../wire/names.ts';

type ListMail =
  | { readonly kind: 'post' }
  | { readonly kind: 'bounce' }
  | { readonly kind: 'wish'; readonly wish: 'subscribe' | 'unsubscribe' }
  | { readonly kind: 'confirm'; readonly token: string };

/** The list that an address belongs to, and what mail to it means.   spec: ima 2.6 */
export function readListAddress(address: string): { readonly list: string; readonly mail: ListMail } | undefined {
  const { local = '', host = '' } = splitAddress(sameForm(address)) ?? {};
  const [, name = '', command = ''] = /^(.+)\+((?:un)?subscribe|confirm-[0-9a-f]+)$/.exec(local) ?? [];
  if (name !== '') {
    const list = `${name}@${host}`;
    if (command.startsWith('confirm-')) return { list, mail: { kind: 'confirm', token: command.slice(8) } };
    return { list, mail: { kind: 'wish', wish: command === 'subscribe' ? 'subscribe' : 'unsubscribe' } };
  }
  const bounces = /^(.+)-bounces$/.exec(local)?.[1];
  return bounces === undefined
    ? { list: sameForm(address), mail: { kind: 'post' } }
    : { list: `${bounces}@${host}`, mail: { kind: 'bounce' } };
}
