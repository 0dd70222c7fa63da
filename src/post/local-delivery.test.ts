import { expect, test } from 'vitest';
import { type AddressOwner, type Arrival, LocalDelivery } from './local-delivery.ts';

function owner(name: string, addresses: readonly string[], password?: string): AddressOwner & { taken: string[] } {
  const taken: string[] = [];
  return {
    name,
    taken,
    owns: async (address) => addresses.includes(address),
    deliver: async ({ to }) => {
      taken.push(to);
      return 'stored';
    },
    ...(password === undefined
      ? {}
      : { checkPassword: async (address, given) => addresses.includes(address) && given === password }),
  };
}

const arrival = (to: string): Arrival => ({ to, from: '', message: Buffer.from('\n'), via: 'test' });

test('mail goes to whoever owns the address, as long as he is there', async () => {
  const local = new LocalDelivery();
  const [one, two] = [owner('one', ['a@x.test']), owner('two', ['a@x.test', 'b@x.test'])];
  const leave = local.register(one);
  local.register(two);
  expect(await local.deliver(arrival('a@x.test'))).toBe('stored');
  expect(await local.deliver(arrival('b@x.test'))).toBe('stored');
  expect(await local.deliver(arrival('c@x.test'))).toBe('unknown');
  leave();
  expect(await local.owns('a@x.test')).toBe(true);
  expect(await local.deliver(arrival('a@x.test'))).toBe('stored');
  expect([one.taken, two.taken]).toEqual([['a@x.test'], ['b@x.test', 'a@x.test']]);
});

test('a password is right when an owner says so', async () => {
  const local = new LocalDelivery();
  local.register(owner('one', ['a@x.test']));
  local.register(owner('two', ['b@x.test'], 'secret'));
  expect(await local.checkPassword('b@x.test', 'secret')).toBe(true);
  expect(await local.checkPassword('b@x.test', 'other')).toBe(false);
  expect(await local.checkPassword('a@x.test', 'secret')).toBe(false);
});
