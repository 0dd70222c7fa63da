// An SMTP gateway with everything real but the process around it; somebody who owns addresses; and a peer who says exactly what the
// test tells him to.

import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Clock, systemClock } from '../../src/base/time.ts';
import { fixedResolver, type NameRecords } from '../../src/net/resolver.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../src/net/tls-identity.ts';
import type { OpenCounter } from '../../src/post/counter.ts';
import type { Acceptance, AddressOwner, Arrival } from '../../src/post/local-delivery.ts';
import { openGateway } from '../../src/smtp/counter.ts';
import type { World } from '../../src/smtp/out/couriers.ts';
import { type SmtpSettings, settings as schema } from '../../src/smtp/settings.ts';
import { openTestPost, type TestPost } from './post.ts';

export const DOMAIN = 'here.test';

/** Made once: it takes long. */
const signingKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
  type: 'pkcs8',
  format: 'pem',
});

/** Owns addresses, keeps what is delivered, and answers as the test says. */
export class TestOwner implements AddressOwner {
  readonly name = 'test';
  readonly passwords = new Map<string, string>();
  readonly kept: Arrival[] = [];
  readonly answers = new Map<string, Acceptance | 'throws'>();
  readonly #seen = new Set<string>();

  constructor(passwords: Readonly<Record<string, string>>) {
    for (const [address, password] of Object.entries(passwords)) this.passwords.set(address, password);
  }

  async owns(address: string): Promise<boolean> {
    return this.passwords.has(address);
  }

  async deliver(arrival: Arrival): Promise<Acceptance> {
    const answer = this.answers.get(arrival.to);
    if (answer === 'throws') throw new Error('the disk is away');
    if (answer !== undefined) return answer;
    const key = arrival.once && Buffer.from(arrival.once).toString('hex');
    if (key !== undefined && this.#seen.has(key)) return 'duplicate';
    if (key !== undefined) this.#seen.add(key);
    this.kept.push(arrival);
    return 'stored';
  }

  async checkPassword(address: string, password: string): Promise<boolean> {
    return this.passwords.get(address) === password;
  }

  /** What came for an address, as text. */
  for(address: string): string[] {
    return this.kept.filter(({ to }) => to === address).map(({ message }) => Buffer.from(message).toString('latin1'));
  }
}

export interface TestGateway extends AsyncDisposable {
  readonly post: TestPost;
  readonly owner: TestOwner;
  readonly open: OpenCounter<SmtpSettings>;
  readonly identity: TlsIdentity;
  /** Of the three kinds of ports, in order. */
  readonly ports: { readonly exchange: number; readonly submission: number; readonly submissions: number };
  settings(changes: Record<string, unknown>): SmtpSettings;
}

export interface GatewayOptions {
  readonly settings?: Record<string, unknown>;
  readonly names?: Readonly<Record<string, NameRecords>>;
  readonly world?: Partial<World>;
  readonly clock?: Clock;
}

export async function openTestGateway(options: GatewayOptions = {}): Promise<TestGateway> {
  const { names = {}, world = {}, clock = systemClock } = options;
  const post = await openTestPost(clock, fixedResolver(names));
  await writeFile(join(post.folder, 'dkim-postern.pem'), signingKey, { mode: 0o600 });
  const owner = new TestOwner({ [`alice@${DOMAIN}`]: 'secret', [`bob@${DOMAIN}`]: 'other' });
  post.local.register(owner);
  const identity = await makeSelfSigned(DOMAIN, makeTlsKey(), Date.now());
  const any = ['127.0.0.1:0'];
  const settings = (changes: Record<string, unknown>) =>
    schema.parse({ listen: any, listen_submission: any, listen_submissions: any, ...options.settings, ...changes });
  const house = { post, identity, folder: post.folder, hostname: DOMAIN };
  const open = await openGateway(house, settings({}), {
    fetch: async () => undefined,
    ...world,
  });
  const [exchange = 0, submission = 0, submissions = 0] = open.listening.map(({ at }) => at.port);
  return {
    post,
    owner,
    open,
    identity,
    ports: { exchange, submission, submissions },
    settings,
    async [Symbol.asyncDispose]() {
      await open.close(100);
      await post[Symbol.asyncDispose]();
    },
  };
}

/** A peer over a bare socket. */
export class RawPeer {
  /** How many came. */
  packets = 0;
  #socket: Socket | TLSSocket;
  #heard = '';
  #wake: () => void = () => {};
  #ended = false;

  private constructor(socket: Socket | TLSSocket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connected and greeted. */
  static async open(port: number, secure = false): Promise<RawPeer> {
    const socket = secure
      ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      : connect({ port, host: '127.0.0.1' });
    const peer = new RawPeer(socket);
    await peer.answer();
    return peer;
  }

  /** Sends octets as they are. */
  send(text: string | Uint8Array): void {
    this.#socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** The next whole reply; '' when the server closes instead. */
  async answer(): Promise<string> {
    for (;;) {
      const [reply] = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/.exec(this.#heard) ?? [];
      if (reply !== undefined) {
        this.#heard = this.#heard.slice(reply.length);
        return reply.trimEnd();
      }
      if (this.#ended) return '';
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends one line and gives its answer. */
  async say(line: string): Promise<string> {
    this.send(`${line}\r\n`);
    return this.answer();
  }

  /** The code of each line's answer. */
  async all(...lines: readonly string[]): Promise<string[]> {
    const codes: string[] = [];
    for (const line of lines) codes.push((await this.say(line)).slice(0, 3));
    return codes;
  }

  /** Hands in a whole message; the last answer. */
  async mail(from: string, to: readonly string[], message: string): Promise<string> {
    const heads = await this.all(`MAIL FROM:<${from}>`, ...to.map((address) => `RCPT TO:<${address}>`), 'DATA');
    if (heads.at(-1) !== '354') return heads.join(' ');
    this.send(`${message.replace(/^\./gm, '..')}\r\n.\r\n`);
    return this.answer();
  }

  async secure(): Promise<void> {
    this.#socket.removeAllListeners();
    this.#socket = connectTls({ socket: this.#socket, rejectUnauthorized: false });
    this.#listen();
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('secureConnect', resolve);
      this.#socket.once('error', reject);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => {
      this.packets += 1;
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }
}

/** What `look` finds in the end; it looks for 10 s at most. */
export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 1000; tries += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await wait(10);
  }
  throw new Error('it did not happen');
}
