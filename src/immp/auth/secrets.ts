// What the office keeps of each account's password, and the questions it asks of whoever says that he knows it.   spec: immp 2.6

import * as z from 'zod';
import { equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import { Recent } from '../../base/recent.ts';
import { HOUR } from '../../base/time.ts';
import type { Post } from '../../post/post.ts';
import { idOf } from '../accounts.ts';
import type { ImmpSettings } from '../settings.ts';
import { writePairs } from '../wire/texts.ts';
import {
  authMessage,
  checkK3,
  deriveH1,
  deriveH2,
  keyK1,
  keyK2,
  type ScryptCost,
  type Verifier,
  verifierOf,
} from './keys.ts';
import type { Vault } from './vault.ts';

const DOCUMENT = 'secret';
const SALT_OCTETS = 16;
const ACCOUNTS_REMEMBERED = 100_000;

export const secretShape = z.object({
  salt: z.string(),
  N: z.int(),
  r: z.int(),
  p: z.int(),
  storedKey: z.string(),
  serverKey: z.string(),
  /** Only while the operator allows K2; with it, whoever reads it can log in. */
  h2: z.string().optional(),
  /** Only while he allows K1. */
  h1: z.string().optional(),
});

type Secret = z.infer<typeof secretShape>;
type Methods = ImmpSettings['auth'];

export interface Challenge {
  readonly account: string;
  readonly n1: string;
  readonly n2: string;
  /** What follows the code of the 303 reply. */
  readonly line: string;
  readonly asked: number;
}

export class Secrets {
  readonly #post: Pick<Post, 'store' | 'clock' | 'random'>;
  readonly #vault: Vault;
  readonly #failures = new Recent<string, number[]>(ACCOUNTS_REMEMBERED);

  constructor(post: Pick<Post, 'store' | 'clock' | 'random'>, vault: Vault) {
    this.#post = post;
    this.#vault = vault;
  }

  /** Takes a new password: derives what the allowed methods need, and keeps that alone. */
  async setPassword(
    account: string,
    password: string,
    settings: Pick<ImmpSettings, 'auth' | 'scrypt_n'>,
  ): Promise<void> {
    const salt = this.#post.random.bytes(SALT_OCTETS);
    const cost = { N: settings.scrypt_n, r: 8, p: 1 };
    const h2 = await deriveH2(password, salt, cost);
    const h1 = settings.auth.includes('K1') ? await deriveH1(password, account) : undefined;
    await this.setKeys(account, { salt, cost, h2, h1 }, settings.auth);
  }

  /** Takes keys that the user derived himself. */
  async setKeys(
    account: string,
    { salt, cost, h2, h1 }: { salt: Uint8Array; cost: ScryptCost; h2: Uint8Array; h1: Uint8Array | undefined },
    methods: Methods,
  ): Promise<void> {
    const { storedKey, serverKey } = verifierOf(h2);
    const secret: Secret = {
      salt: toHex(salt),
      N: cost.N,
      r: cost.r,
      p: cost.p,
      storedKey: toHex(storedKey),
      serverKey: toHex(serverKey),
      ...(methods.includes('K2') ? { h2: toHex(h2) } : {}),
      ...(methods.includes('K1') && h1 ? { h1: toHex(h1) } : {}),
    };
    await this.#post.store.documents.put(idOf(account), DOCUMENT, this.#seal(account, secret));
  }

  /** What is kept of the account's password, to be taken with it; undefined where it has none. */
  async kept(account: string): Promise<Secret | undefined> {
    const document = await this.#post.store.documents.get(idOf(account), DOCUMENT);
    return document && secretShape.parse(JSON.parse(this.#vault.open(account, document.value).toString()));
  }

  /** Takes in what `kept` gave elsewhere, as far as the allowed methods need it, where no password is known yet. */
  async takeIn(account: string, { h2, h1, ...secret }: Secret, methods: Methods): Promise<void> {
    const needed: Secret = {
      ...secret,
      ...(h2 !== undefined && methods.includes('K2') ? { h2 } : {}),
      ...(h1 !== undefined && methods.includes('K1') ? { h1 } : {}),
    };
    await this.#post.store.documents.put(idOf(account), DOCUMENT, this.#seal(account, needed), 0);
  }

  #seal(account: string, secret: Secret): Buffer {
    return this.#vault.seal(account, Buffer.from(JSON.stringify(secret)));
  }

  /** What 303 asks. An account that is not there is asked in the same words, always with the same salt. */
  async challenge(account: string, { auth, scrypt_n }: Pick<ImmpSettings, 'auth' | 'scrypt_n'>): Promise<Challenge> {
    const { secret } = await this.#secretOf(account, scrypt_n);
    const asked = this.#post.clock.now();
    const [n1, n2] = [uuidFrom(this.#post.random.bytes(16)), String(Math.floor(asked / 1000))];
    const { salt, N, r, p } = secret;
    const line = writePairs({ n1, n2, k: auth.join(','), h: 'scrypt', s: salt, N, r, p });
    return { account, n1, n2, line, asked };
  }

  /** Whether the answer is right, and what the server shows in its turn (K3). The same work for an account that is not there. */
  async check(
    challenge: Challenge,
    digits: string,
    { auth, scrypt_n }: Pick<ImmpSettings, 'auth' | 'scrypt_n'>,
    serverKey: Uint8Array,
  ): Promise<{ readonly right: boolean; readonly proof?: Buffer }> {
    const { account, line } = challenge;
    const { secret, known } = await this.#secretOf(account, scrypt_n);
    const answer = fromHex(digits) ?? Buffer.alloc(0);
    const key = (kept: string | undefined, name: string) =>
      fromHex(kept ?? '') ?? this.#vault.derive(`${name} ${account}`, 32);
    const fits = (kept: string | undefined, made: Buffer) => equalBytes(made, answer) && kept !== undefined;
    if (answer.length === 20)
      return { right: auth.includes('K1') && fits(secret.h1, keyK1(key(secret.h1, 'h1'), challenge)) };
    const byK2 = auth.includes('K2') && fits(secret.h2, keyK2(key(secret.h2, 'h2'), challenge));
    const proof = checkK3(verifierFrom(secret), authMessage(account, line, serverKey), answer);
    if (!known) return { right: false };
    return auth.includes('K3') && proof !== undefined ? { right: true, proof } : { right: byK2 };
  }

  /** Whether this is the account's password; as dear for one that is not there. */
  async checkPassword(
    account: string,
    password: string,
    { scrypt_n }: Pick<ImmpSettings, 'scrypt_n'>,
  ): Promise<boolean> {
    const { secret, known } = await this.#secretOf(account, scrypt_n);
    const { salt, N, r, p, storedKey } = secret;
    const h2 = await deriveH2(password, fromHex(salt) ?? Buffer.alloc(0), { N, r, p });
    return equalBytes(verifierOf(h2).storedKey, fromHex(storedKey) ?? Buffer.alloc(0)) && known;
  }

  /** True when the account's password was wrong `most` times in the last hour. */
  tooManyFailures(account: string, most: number): boolean {
    return this.#recentFailures(account).length >= most;
  }

  failed(account: string): void {
    this.#failures.set(account, [...this.#recentFailures(account), this.#post.clock.now()]);
  }

  #recentFailures(account: string): number[] {
    const since = this.#post.clock.now() - HOUR;
    return this.#failures.get(account)?.filter((time) => time > since) ?? [];
  }

  /** Of an account that is not there, an invented one, which takes as long to read. */
  async #secretOf(account: string, N: number): Promise<{ readonly secret: Secret; readonly known: boolean }> {
    const document = await this.#post.store.documents.get(idOf(account), DOCUMENT);
    const invented = this.#vault.seal(account, Buffer.from(JSON.stringify(this.#invented(account, N))));
    const secret = this.#vault.open(account, document?.value ?? invented);
    return { secret: secretShape.parse(JSON.parse(secret.toString())), known: document !== undefined };
  }

  #invented(account: string, N: number): Secret {
    const piece = (name: string, count = 32) => toHex(this.#vault.derive(`${name} ${account}`, count));
    return { salt: piece('salt', SALT_OCTETS), N, r: 8, p: 1, storedKey: piece('stored'), serverKey: piece('server') };
  }
}

function verifierFrom({ storedKey, serverKey }: Secret): Verifier {
  const key = (digits: string) => fromHex(digits) ?? Buffer.alloc(0);
  return { storedKey: key(storedKey), serverKey: key(serverKey) };
}

/** A UUID of version 4 from 16 random octets. */
export function uuidFrom(octets: Buffer): string {
  const marked = Buffer.from(octets);
  marked[6] = ((marked[6] ?? 0) & 0x0f) | 0x40;
  marked[8] = ((marked[8] ?? 0) & 0x3f) | 0x80;
  return toHex(marked).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
