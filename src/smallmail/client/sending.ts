// Making mailboxes, and carrying letters from the outbox to the servers of their recipients.

import { carry, post } from '../../base/outbox.ts';
import type { Address } from './address.ts';
import { findContact } from './contacts.ts';
import { type Courier, converse, drawDelay, type Place, withRetries, withWork } from './courier.ts';
import { ClientError } from './errors.ts';
import { findMailbox, type OwnMailbox, saveMailbox } from './home.ts';
import { makeKeyPair, publicHalf } from './key-pair.ts';
import { checkLabel } from './label.ts';
import { outboxOf, type WaitingLetter } from './outbox.ts';

/**
 * Makes a mailbox on a server: its key is on the disk before the server hears of it, and a call that was cut off is
 * finished by calling again. Throws ClientError `exists` when there is one of this name.   spec: smallmail 2.4
 */
export async function createMailbox(
  courier: Courier,
  { label, server, passphrase }: { label: string; server: Place; passphrase?: string | undefined },
): Promise<OwnMailbox> {
  const { home } = courier;
  checkLabel(label);
  if (await findContact(home, label))
    throw new ClientError('exists', `${label} is a contact already; choose another name`);
  const begun = await findMailbox(home, label);
  if (begun?.made) {
    throw new ClientError('exists', `there is a mailbox named ${label} already`, {
      remedy: `see it with: postern smallmail address ${label}`,
    });
  }
  const mailbox = begun ?? (await makeOwn(courier, label, server, passphrase));
  await registerMailbox(courier, mailbox.address, await publicHalf(mailbox.secretKey));
  const made = { ...mailbox, made: true };
  await saveMailbox(home, made);
  return made;
}

async function makeOwn(courier: Courier, label: string, server: Place, passphrase?: string): Promise<OwnMailbox> {
  const { mailbox: name, secretKey } = await makeKeyPair(courier.clock.now(), passphrase);
  const address: Address = { mailbox: name, ...server };
  const mailbox = { label, address, made: false, secretKey };
  await saveMailbox(courier.home, mailbox);
  return mailbox;
}

/** CRID: harmless to repeat, and needed again when a server has forgotten the mailbox.   spec: smallmail 2.4 */
export async function registerMailbox(courier: Courier, address: Address, publicKey: Uint8Array): Promise<void> {
  const name = await withRetries(courier, () =>
    converse(courier, address, undefined, (client) => withWork(courier, client, () => client.create(publicKey))),
  );
  if (name === address.mailbox) return;
  throw new ClientError('undone', 'the server names the mailbox after another key than was sent');
}

/** Puts a sealed letter into the outbox, to leave after a random while, or at once when `now` is asked for. */
export async function postLetter(
  courier: Courier,
  to: Address,
  body: Uint8Array,
  now: boolean,
): Promise<WaitingLetter> {
  const notBefore = courier.clock.now() + (now ? 0 : drawDelay(courier, to));
  return post(outboxOf(courier.home), { to, notBefore, tries: 0 }, body, courier.random);
}

/**
 * Carries one letter to its server, on a connection that serves for nothing else. When that fails it stays in the outbox, and the
 * error is thrown. A letter whose RCVD was lost is sent again: the server takes the same octets once.   spec: smallmail 2.5, 2.11
 */
export async function carryLetter(courier: Courier, waiting: WaitingLetter): Promise<void> {
  const { progress } = courier;
  const { to } = waiting;
  await carry(outboxOf(courier.home), waiting, (body) => {
    const report = progress && ((sent: number) => progress(sent, body.length));
    return withRetries(courier, () =>
      converse(courier, to, undefined, (client) =>
        withWork(courier, client, () => client.send(to.mailbox, body, report)),
      ),
    );
  });
}
