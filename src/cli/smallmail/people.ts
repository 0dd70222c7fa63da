// Whom a name on the command line means, and what a mailbox is called here.

import { nearest } from '../../base/text.ts';
import { type Address, parseAddress } from '../../smallmail/client/address.ts';
import { listContacts } from '../../smallmail/client/contacts.ts';
import { ClientError } from '../../smallmail/client/errors.ts';
import { type Home, mailboxLabels, readMailbox } from '../../smallmail/client/home.ts';
import { publicHalf } from '../../smallmail/client/key-pair.ts';

/** A contact, or a mailbox of one's own. */
export interface Acquaintance {
  readonly label: string;
  readonly address: Address;
  /** Binary public key. */
  readonly key: Buffer;
}

export async function acquaintances(home: Home): Promise<Acquaintance[]> {
  const labels = await mailboxLabels(home);
  const own = await Promise.all(
    labels.map(async (label) => {
      const { address, secretKey } = await readMailbox(home, label);
      return { label, address, key: await publicHalf(secretKey) };
    }),
  );
  return [...own, ...(await listContacts(home))];
}

/** The mailbox's name here, if it has one. */
export function nameOf(mailbox: string, people: readonly Acquaintance[]): string | undefined {
  return people.find(({ address }) => address.mailbox === mailbox)?.label;
}

/** By name or by address. Throws ClientError `unknown`. */
export async function findRecipient(home: Home, name: string): Promise<Acquaintance> {
  const people = await acquaintances(home);
  const address = parseAddress(name);
  const found = people.find((one) => one.label === name || one.address.mailbox === address?.mailbox);
  if (found !== undefined) return address === undefined ? found : { ...found, address };
  if (address !== undefined) {
    throw new ClientError('unknown', 'the key of this address is not here, and letters are sealed to keys', {
      remedy: `get the key file from its owner: postern smallmail contacts add NAME ${name} --key FILE`,
    });
  }
  const near = nearest(
    name,
    people.map(({ label }) => label),
  );
  throw new ClientError('unknown', `nobody here is called ${name}`, {
    remedy: near === undefined ? 'postern smallmail contacts list' : `did you mean ${near}?`,
  });
}
