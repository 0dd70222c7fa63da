import { expect, test } from 'vitest';
import { type Departure, OutgoingMail } from './outgoing-mail.ts';

test('mail goes out by the carrier that there is, and without one not at all', async () => {
  const outgoing = new OutgoingMail();
  const mail: Departure = { from: 'a@x.test', to: ['b@y.test'], message: Buffer.from('\n') };
  await expect(outgoing.send(mail)).rejects.toMatchObject({ code: 'no-way-out' });
  const carried: Departure[] = [];
  const leave = outgoing.use({ send: async (departure) => void carried.push(departure) });
  expect(outgoing.open).toBe(true);
  await outgoing.send(mail);
  expect(carried).toEqual([mail]);
  leave();
  expect(outgoing.open).toBe(false);
});
