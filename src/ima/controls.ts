// What the operator asks: accounts, their mailboxes as the store mirrors them, lists.   spec: ima 2.6, 2.8

import { z } from 'zod';
import { type Controls, control, type Desk } from '../post/control.ts';
import { ImaError } from './errors.ts';
import { Lists } from './lists/manager.ts';
import { listsInStore } from './lists/records.ts';
import { accountsOf, mirrorOf } from './office/accounts.ts';
import type { ImaSettings } from './settings.ts';
import { AUTH_WAYS, hashPassword } from './users/users.ts';
import { isAddress } from './wire/names.ts';

type ImaDesk = Desk<ImaSettings>;

const address = z.string().min(3).max(400);
const password = z.string().min(8, 'a password of at least 8 characters').max(1024);
const key = z
  .string()
  .regex(/^[0-9a-f]{64}$/i, 'a key is 64 hex digits')
  .transform((digits) => digits.toLowerCase());

const recordsOf = ({ post }: ImaDesk) => listsInStore(post.store.documents);
/** Nothing is sent from here. */
const listsOf = (desk: ImaDesk) =>
  new Lists({ records: recordsOf(desk), clock: desk.post.clock, random: desk.post.random, send: async () => {} });

export const controls: Controls<ImaSettings> = {
  'account.add': control(
    z.strictObject({
      address,
      password: password.optional(),
      keys: z.array(key).default([]),
      auth: z.enum(AUTH_WAYS).optional(),
      keepSent: z.boolean().default(false),
    }),
    async (desk, asked) => {
      const auth = asked.auth ?? (asked.password === undefined ? 'cert' : 'password');
      if (auth !== 'cert' && asked.password === undefined) throw new ImaError('usage', 'a password is needed');
      const hashed =
        asked.password === undefined ? {} : { password: await hashPassword(asked.password, desk.post.random) };
      await accountsOf(desk).add({
        address: asked.address,
        auth,
        ...hashed,
        keys: asked.keys,
        keepSent: asked.keepSent,
      });
      return { address: asked.address, auth };
    },
  ),
  'account.passwd': control(z.strictObject({ address, password }), async (desk, asked) => {
    const hashed = await hashPassword(asked.password, desk.post.random);
    await accountsOf(desk).change(asked.address, (account) => ({
      ...account,
      password: hashed,
      auth: account.auth === 'cert' && account.keys.length === 0 ? 'password' : account.auth,
    }));
    return { address: asked.address };
  }),
  'account.key': control(z.strictObject({ address, key }), async (desk, asked) => {
    await accountsOf(desk).change(asked.address, (account) => ({
      ...account,
      keys: [...new Set([...account.keys, asked.key])],
    }));
    return { address: asked.address };
  }),
  'account.remove': control(z.strictObject({ address }), async (desk, asked) => {
    await accountsOf(desk).remove(asked.address);
    return { address: asked.address };
  }),
  'account.list': control(z.strictObject({}), async (desk) => {
    const accounts = accountsOf(desk);
    const listed = await Promise.all(
      (await accounts.list()).map(async (name) => {
        const [account, folders] = await Promise.all([
          accounts.get(name),
          desk.post.store.mailboxes.folders(mirrorOf(name)),
        ]);
        if (account === undefined) return [];
        const messages = folders.reduce((sum, folder) => sum + folder.messages, 0);
        const unread = folders.find((folder) => folder.name === 'inbox')?.unread ?? 0;
        return [{ address: account.address, auth: account.auth, keys: account.keys, messages, unread }];
      }),
    );
    return listed.flat();
  }),
  'list.add': control(
    z.strictObject({ address, posting: z.enum(['subscribers', 'anyone']).default('subscribers') }),
    async (desk, asked) => {
      const { address, posting } = asked;
      if (!isAddress(address)) throw new ImaError('usage', `${address} is no address`);
      const added = await recordsOf(desk).add({ address, posting, subscribers: [], pending: [] });
      if (!added) throw new ImaError('exists', `there is a list ${address} already`);
      return { address: asked.address };
    },
  ),
  'list.remove': control(z.strictObject({ address }), async (desk, asked) => {
    if (!(await recordsOf(desk).remove(asked.address)))
      throw new ImaError('unknown', `there is no list ${asked.address}`);
    return { address: asked.address };
  }),
  'list.subscribe': control(z.strictObject({ address, subscriber: address }), async (desk, asked) => {
    const { subscribers } = await listsOf(desk).subscribe(asked.address, asked.subscriber);
    return { address: asked.address, subscribers };
  }),
  'list.unsubscribe': control(z.strictObject({ address, subscriber: address }), async (desk, asked) => {
    const { subscribers } = await listsOf(desk).unsubscribe(asked.address, asked.subscriber);
    return { address: asked.address, subscribers };
  }),
  'list.show': control(z.strictObject({ address }), async (desk, asked) => {
    const list = await recordsOf(desk).get(asked.address);
    if (list === undefined) throw new ImaError('unknown', `there is no list ${asked.address}`);
    return { address: list.address, posting: list.posting, subscribers: list.subscribers };
  }),
  'list.list': control(z.strictObject({}), (desk) => recordsOf(desk).addresses()),
};
