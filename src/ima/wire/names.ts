// The small words of IMA's grammar: addresses, users, folders, ids of stored messages, flags. Pure.   spec: ima 2.1, 2.14

const MAX_HOSTPART = 253;

const LOCALPART = '[A-Za-z0-9.\\-_+=~\\u{80}-\\u{10FFFF}]{1,64}';
const LABEL = '[A-Za-z0-9][A-Za-z0-9-]*';
const HOSTPART = `${LABEL}(?:\\.${LABEL})*`;

const hostpartForm = new RegExp(`^${HOSTPART}$`);
const addressForm = new RegExp(`^(${LOCALPART})@(${HOSTPART})$`, 'u');
const numberForm = /^(?:0|[1-9][0-9]{0,14})$/;
const userForm = /^[A-Za-z0-9._-]{1,64}$/;
const folderForm = /^[A-Za-z0-9_-]{1,64}$/;
const idForm = /^[0-9]{13}-[0-9a-fA-F]{16}$/;
const wordForm = /^[a-z-]+$/;

export interface AddressParts {
  readonly local: string;
  readonly host: string;
}

export function isHostpart(text: string): boolean {
  return text.length <= MAX_HOSTPART && hostpartForm.test(text);
}

/** The halves of an address as they are written; undefined when it is none. */
export function splitAddress(text: string): AddressParts | undefined {
  const [, local, host] = addressForm.exec(text) ?? [];
  return local === undefined || host === undefined || host.length > MAX_HOSTPART ? undefined : { local, host };
}

export function isAddress(text: string): boolean {
  return splitAddress(text) !== undefined;
}

/** Two addresses are one when this is equal: NFC, and ASCII letters without their case.   spec: ima 2.1 */
export function sameForm(address: string): string {
  return address.normalize('NFC').replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The domain half, in lower case. The address must be one. */
export function hostOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

/** Addresses as they stand in a header: `a@b.test, c@d.test`; undefined when one is none. */
export function splitAddresses(text: string): string[] | undefined {
  const addresses = text.split(', ');
  return addresses.every(isAddress) ? addresses : undefined;
}

/** Without those that stand there twice; the first of each is kept as it is written. */
export function distinctAddresses(addresses: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const address of addresses) if (!seen.has(sameForm(address))) seen.set(sameForm(address), address);
  return [...seen.values()];
}

/** A decimal number of at most 15 digits without leading zeros; undefined when it is none. */
export function readNumber(text: string): number | undefined {
  return numberForm.test(text) ? Number(text) : undefined;
}

export const isUser = (text: string): boolean => userForm.test(text);
export const isFolder = (text: string): boolean => folderForm.test(text);
export const isMessageId = (text: string): boolean => idForm.test(text);
export const isWord = (text: string): boolean => wordForm.test(text);
