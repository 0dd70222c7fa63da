// The key that signs outgoing mail (RFC 6376): made once, kept in a file, shown to the world as a record of the name service.

import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dkimSign } from 'mailauth';
import { replaceFile } from '../../base/files.ts';
import { Turns } from '../../base/turns.ts';
import { parseMailAddress } from '../addresses.ts';
import { fromAddress, splitMessage } from '../header.ts';

const KEY_BITS = 2048;

export interface DkimKey {
  readonly selector: string;
  /** PEM, PKCS#8. */
  readonly privateKey: string;
  /** DER of the SubjectPublicKeyInfo, base64. */
  readonly publicKey: string;
}

const turns = new Turns();

/** The key of this selector; it is made when there is none, and whoever else asks meanwhile waits. */
export function dkimKey(folder: string, selector: string): Promise<DkimKey> {
  const file = join(folder, `dkim-${selector}.pem`);
  return turns.take(file, () => readOrMake(file, selector));
}

async function readOrMake(file: string, selector: string): Promise<DkimKey> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: KEY_BITS });
    pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    await replaceFile(file, pem);
  }
  const publicKey = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' }).toString('base64');
  return { selector, privateKey: pem, publicKey };
}

/** What the name service has to say of it. RFC 6376 3.6.1 */
export function dkimRecord({ selector, publicKey }: DkimKey, domain: string): { name: string; value: string } {
  return { name: `${selector}._domainkey.${domain}`, value: `v=DKIM1; k=rsa; p=${publicKey}` };
}

/**
 * `message` (CR LF at its line ends) with a signature on top: of the domain in From, or of `domains`' first where that is not ours.
 * What has no From is nobody's, and stays without.
 */
export async function signMail(
  message: Buffer,
  key: DkimKey,
  domains: readonly string[],
  now: number,
): Promise<Buffer> {
  const { fields } = splitMessage(message);
  if (!fields.some(({ name }) => name === 'from')) return message;
  const author = parseMailAddress(fromAddress(fields) ?? '')?.domain;
  const signingDomain = author !== undefined && domains.includes(author) ? author : domains[0];
  if (signingDomain === undefined) return message;
  const { selector, privateKey } = key;
  const signature = { signingDomain, selector, privateKey };
  const { signatures, errors } = await dkimSign(message, {
    ...signature, // its types ask for it here, its code looks below
    canonicalization: 'relaxed/relaxed',
    signTime: new Date(now),
    signatureData: [signature],
  });
  const [failure] = errors;
  if (failure !== undefined || signatures === '')
    throw new Error('a message could not be signed', { cause: failure?.err });
  return Buffer.concat([Buffer.from(signatures.endsWith('\r\n') ? signatures : `${signatures}\r\n`), message]);
}
