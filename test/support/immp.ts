// An IMMP counter without an office, and somebody who types IMMP at it.

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { Clock } from '../../src/base/time.ts';
import { DAY } from '../../src/base/time.ts';
import { controls } from '../../src/immp/controls.ts';
import { Room } from '../../src/immp/room.ts';
import { attend, serve } from '../../src/immp/server.ts';
import { type Peer, Session } from '../../src/immp/session.ts';
import { type ImmpSettings, settings as schema } from '../../src/immp/settings.ts';
import { isFinal, parseReply, REPLY_LINE_LIMIT, type Reply } from '../../src/immp/wire/reply.ts';
import { frame } from '../../src/immp/wire/texts.ts';
import type { Connection } from '../../src/net/connection.ts';
import { connectionPair } from '../../src/net/memory.ts';
import { makeSelfSigned, makeTlsKey, type TlsIdentity } from '../../src/net/tls-identity.ts';
import type { TestPost } from './post.ts';

const IMMP_DOMAIN = 'b.com';
export const PASSWORD = '4wonder1and#';

let shared: Promise<TlsIdentity> | undefined;

/** One identity for all tests of a file: a key takes a while to make. */
export function testIdentity(): Promise<TlsIdentity> {
  shared ??= makeSelfSigned(IMMP_DOMAIN, makeTlsKey(), Date.now());
  return shared;
}

export interface TestRoom {
  readonly room: Room;
  /** Asks as the operator does. */
  ask(name: string, argument: unknown): Promise<unknown>;
  /** Makes a mailbox without a password, which is quick. */
  account(name: string, quota?: number): Promise<void>;
}

export async function openImmpRoom(post: TestPost, clock: Clock, changes: object = {}): Promise<TestRoom> {
  const settings = schema.parse({ scrypt_n: 16384, ...changes }) as ImmpSettings;
  const house = {
    post: { ...post, clock },
    identity: await testIdentity(),
    folder: post.folder,
    hostname: IMMP_DOMAIN,
  };
  const room = await Room.open(house, settings);
  return {
    room,
    async ask(name, argument) {
      const control = controls[name];
      if (control === undefined) throw new Error(`there is no control ${name}`);
      const desk = { post: house.post, settings, folder: post.folder, hostname: IMMP_DOMAIN };
      return control.run(desk, control.argument.parse(argument));
    },
    async account(name, quota = 100e6) {
      await room.accounts.create(`${name}@${IMMP_DOMAIN}`, { bytes: quota, messages: 1_000_000 });
    },
  };
}

/** Types lines and reads what comes, like a person with a terminal. */
export class ImmpTypist {
  readonly connection: Connection;
  readonly session: Session | undefined;
  readonly ended: Promise<void>;

  /** `peer`: what was proved already; with 'plain' the conversation begins at its beginning, and is not encrypted. */
  constructor(room: Room, peer: Peer) {
    const [here, there] = connectionPair({ clock: room.post.clock });
    this.connection = here;
    if (peer.state === 'plain') {
      this.ended = serve(there, room).finally(() => void there.close());
      return;
    }
    const session = new Session(there, room);
    session.peer = peer;
    this.session = session;
    this.ended = attend(session).finally(() => void there.close());
  }

  static as(room: Room, name: string): ImmpTypist {
    return new ImmpTypist(room, { state: 'local', account: `${name}@${IMMP_DOMAIN}`, since: room.post.clock.now() });
  }

  async type(...parts: (string | Uint8Array)[]): Promise<void> {
    for (const part of parts) await this.connection.write(part);
  }

  /** The next line, or undefined at the end. */
  async line(): Promise<string | undefined> {
    const line = await this.connection.line(REPLY_LINE_LIMIT, DAY).catch(() => undefined);
    return line === undefined ? undefined : String(line);
  }

  /** Types a line and reads the lines of its reply to the last. */
  async ask(line: string): Promise<string[]> {
    await this.type(`${line}\n`);
    return this.reply();
  }

  async reply(): Promise<string[]> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line === undefined) return [...lines, '(end)'];
      lines.push(line);
      const read = parseReply(Buffer.from(line));
      if (isFinal(read) || read.code === '303' || read.code === '271') return lines;
    }
  }

  /** Types a DATA command and its block; the last line of what comes. */
  async data(line: string, block: string | Uint8Array): Promise<string | undefined> {
    const [granted] = await this.ask(line);
    if (!granted?.includes('271 ')) return granted;
    await this.type(block);
    return this.line();
  }

  /** Delivers one text, and gives what DONE was answered with. */
  async deliver(to: string, text: string, more = ''): Promise<string | undefined> {
    const [first] = await this.ask(`DELIVER TO ${to} ${more}`.trimEnd());
    if (!first?.startsWith('270 ')) return first;
    await this.data(`DATA TYPE text/plain LENGTH ${Buffer.byteLength(text)}`, text);
    return (await this.ask('DONE'))[0];
  }

  async json(line: string): Promise<Record<string, unknown>[]> {
    const lines = await this.ask(line);
    if (!/^250 ?$/.test(lines.at(-1) ?? '')) throw new Error(lines.join('\n'));
    return lines.slice(0, -1).map((each) => JSON.parse(each.slice('250- '.length)) as Record<string, unknown>);
  }

  /** A raw download in no pipeline: the octets of each message, checked by their number and digest. */
  async raw(line: string, compressed = false): Promise<Buffer[]> {
    await this.type(`${line}\n`);
    const parts: Buffer[][] = [];
    for (;;) {
      const text = (await this.line()) ?? '';
      const reply: Reply = parseReply(Buffer.from(text));
      const read = frame.read(reply.text);
      if (read === undefined) throw new Error(text);
      if (read.kind === 'uuid') parts.push([]);
      if (read.kind === 'length') (parts.at(-1) ?? pushed(parts)).push(await this.connection.block(read.octets, DAY));
      if (read.kind !== 'total') continue;
      const sent = Buffer.concat(parts.flat());
      const all = compressed ? gunzipSync(sent) : sent;
      const digest = createHash('sha256').update(all).digest('hex');
      if (all.length !== read.octets || digest !== read.sha256) throw new Error('not what was announced');
      return compressed ? [all] : parts.map((each) => Buffer.concat(each));
    }
  }

  hangUp(): void {
    this.connection.destroy();
  }
}

function pushed(parts: Buffer[][]): Buffer[] {
  const part: Buffer[] = [];
  parts.push(part);
  return part;
}
