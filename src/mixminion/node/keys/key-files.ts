// A node's keys as files: `identity.key`, and for each packet key a folder `key_0001` with `mix.key`, `ServerDesc` and, once
// the descriptor is published, `published`. All for the owner only.   spec: mixminion-server 3, 8.1

import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../base/errors.ts';
import { readIfThere, replaceFile, syncFolder } from '../../../base/files.ts';
import { RsaPrivateKey } from '../../../crypto/rsa.ts';
import { NodeKeyError } from './errors.ts';

const IDENTITY = 'identity.key';
const PACKET_KEY = 'mix.key';
const DESCRIPTOR = 'ServerDesc';
const PUBLISHED = 'published';
const OWNER_ONLY = 0o700;
/** Put behind the name of a folder that is not complete yet, or no more. */
const DRAFT = '.new';
const DOOMED = '.old';
const KEYSET = /^key_(\d{4,9})(\.new|\.old)?$/;

/** One packet key as it lies on the disk. */
export interface KeysetFiles {
  readonly number: number;
  readonly key: RsaPrivateKey;
  /** The text of the descriptor. */
  readonly descriptor: string;
  readonly published: boolean;
}

/** Where, in the folder of the counter, the keys lie. */
export function keyFolderOf(folder: string): string {
  return join(folder, 'keys');
}

/** The identity key; `make` gives it when there is none yet. Throws NodeKeyError `key-file`. */
export async function loadIdentity(folder: string, make: () => Promise<RsaPrivateKey>): Promise<RsaPrivateKey> {
  await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
  const path = join(folder, IDENTITY);
  const known = await readIfThere(path);
  if (known !== undefined) return parseKey(known.toString('latin1'), path);
  const made = await make();
  await replaceFile(path, writeKey(made));
  return made;
}

/** All packet keys. What a crash left half made or half deleted is gone afterwards. Throws NodeKeyError `key-file`. */
export async function loadKeysets(folder: string): Promise<KeysetFiles[]> {
  const keysets: KeysetFiles[] = [];
  for (const name of await readdir(folder)) {
    const [, digits, rest] = KEYSET.exec(name) ?? [];
    if (digits === undefined) continue;
    if (rest === undefined) keysets.push(await loadKeyset(join(folder, name), Number(digits)));
    else await shred(join(folder, name));
  }
  return keysets;
}

/** Durable when it resolves. */
export async function saveKeyset(folder: string, keyset: Omit<KeysetFiles, 'published'>): Promise<void> {
  const path = pathOf(folder, keyset.number);
  const draft = path + DRAFT;
  await mkdir(draft, { mode: OWNER_ONLY });
  await replaceFile(join(draft, PACKET_KEY), writeKey(keyset.key));
  await replaceFile(join(draft, DESCRIPTOR), keyset.descriptor);
  await rename(draft, path);
  await syncFolder(folder);
}

/** Puts another descriptor in the place of one that was published or not; the new one is not. */
export async function saveDescriptor(folder: string, number: number, descriptor: string): Promise<void> {
  await setPublished(folder, number, false); // first: at worst the old one is published twice
  await replaceFile(join(pathOf(folder, number), DESCRIPTOR), descriptor);
}

export async function setPublished(folder: string, number: number, published: boolean): Promise<void> {
  const mark = join(pathOf(folder, number), PUBLISHED);
  if (published) return replaceFile(mark, '');
  await rm(mark, { force: true });
  await syncFolder(pathOf(folder, number));
}

export async function deleteKeyset(folder: string, number: number): Promise<void> {
  const path = pathOf(folder, number);
  await rename(path, path + DOOMED);
  await shred(path + DOOMED);
  await syncFolder(folder);
}

/**
 * Destroys all packet keys, and with `identity` that key too: what `KeyStore.open` makes next is another remailer's then. Only
 * while no store has the folder open. After a crash in the middle it is to be called again.
 */
export async function destroyKeys(folder: string, { identity }: { readonly identity: boolean }): Promise<void> {
  for (const name of await readdir(folder)) if (KEYSET.test(name)) await shred(join(folder, name));
  if (identity) {
    await overwrite(join(folder, IDENTITY));
    await rm(join(folder, IDENTITY), { force: true });
  }
  await syncFolder(folder);
}

async function loadKeyset(path: string, number: number): Promise<KeysetFiles> {
  const [key, descriptor, mark] = await Promise.all(
    [PACKET_KEY, DESCRIPTOR, PUBLISHED].map((name) => readIfThere(join(path, name))),
  );
  if (key === undefined || descriptor === undefined) throw unusable(path);
  return {
    number,
    key: parseKey(key.toString('latin1'), path),
    descriptor: descriptor.toString('latin1'),
    published: mark !== undefined,
  };
}

/** Zeros over the key before it is deleted. A disk that writes elsewhere, or a copy of the folder, still has it. */
async function shred(path: string): Promise<void> {
  await overwrite(join(path, PACKET_KEY));
  await rm(path, { recursive: true });
}

async function overwrite(keyFile: string): Promise<void> {
  try {
    const { size } = await stat(keyFile);
    await using file = await open(keyFile, 'r+');
    await file.write(Buffer.alloc(size), 0, size, 0);
    await file.sync();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function pathOf(folder: string, number: number): string {
  return join(folder, `key_${String(number).padStart(4, '0')}`);
}

function writeKey(key: RsaPrivateKey): string {
  return key.keyObject.export({ type: 'pkcs1', format: 'pem' }).toString();
}

function parseKey(pem: string, path: string): RsaPrivateKey {
  try {
    return RsaPrivateKey.fromPem(pem);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

/** What a keyset that cannot be used is met with. */
export function damaged(folder: string, number: number, cause?: unknown): NodeKeyError {
  return unusable(pathOf(folder, number), cause);
}

function unusable(path: string, cause?: unknown): NodeKeyError {
  return new NodeKeyError('key-file', `${path} is not what a node's key should be`, {
    cause,
    remedy: 'put it back from a backup, or remove it: a new one is made, and what was sent to the old one is lost',
  });
}
