// A nymserver without a mix around it: its replies are caught, its mail out too, and a nymholder in a few lines speaks to it.

import { join } from 'node:path';
import { systemRandom } from '../../src/base/random.ts';
import { type Clock, DAY, MINUTE, SECOND, VirtualClock } from '../../src/base/time.ts';
import type { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { RoutingType } from '../../src/mixminion/packet/routing.ts';
import { createSurb, type Surb, surbDigest } from '../../src/mixminion/packet/surb.ts';
import { type HolderCommand, readHolderMessage } from '../../src/nym/messages/to-holder.ts';
import { type ServerCommand, writeServerMessage } from '../../src/nym/messages/to-server.ts';
import { Curtain } from '../../src/nym/server/curtain.ts';
import type { Limits, SendReply } from '../../src/nym/server/desk.ts';
import { Nymserver } from '../../src/nym/server/nymserver.ts';
import type { Departure } from '../../src/post/outgoing-mail.ts';
import { readyKeys } from './mixminion-keys.ts';
import { DOMAIN, LIMITS } from './nym-limits.ts';
import { openTestPost, type TestPost } from './post.ts';

export { DOMAIN };

export interface TestNymserver extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly post: TestPost;
  readonly server: Nymserver;
  /** Messages sent through reply blocks, each with the names of the blocks. */
  readonly replies: { readonly commands: HolderCommand[]; readonly surbs: readonly string[] }[];
  readonly mails: Departure[];
  /** Lets `ms` pass, and whatever falls due in it happen. */
  pass(ms: number): Promise<void>;
}

/** `onReply` is given what is sent through reply blocks, besides its being kept. */
export async function openTestNymserver(
  limits: Partial<Limits> = {},
  onReply: SendReply = async () => {},
): Promise<TestNymserver> {
  const clock = new VirtualClock();
  const post = await openTestPost(clock);
  const replies: TestNymserver['replies'] = [];
  const mails: Departure[] = [];
  const server = new Nymserver({
    post,
    limits: { ...LIMITS, ...limits },
    domain: DOMAIN,
    curtain: await Curtain.open(join(post.folder, 'curtain'), systemRandom, clock.now()),
    prepareReply: () => async (message, surbs) => {
      replies.push({ commands: readHolderMessage(message), surbs: surbs.map(surbDigest) });
      await onReply(message, surbs);
    },
    count: () => {},
    sendMail: async (departure) => {
      mails.push(departure);
    },
  });
  return {
    clock,
    post,
    server,
    replies,
    mails,
    async pass(ms) {
      const end = clock.now() + ms;
      while (clock.now() < end) {
        const next = (await post.store.queues.nextDue('nym/due')) ?? end;
        await clock.advance(Math.max(SECOND, Math.min(next, end) - clock.now()));
        await server.round();
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([server.stop(SECOND), clock.advance(2 * SECOND)]);
      await post[Symbol.asyncDispose]();
    },
  };
}

const nextKey = readyKeys();
const keys = await Promise.all(Array.from({ length: 4 }, () => nextKey(2048)));

/** Where there is no more than a clock, messages can be made and nothing be said. */
type Stage = Partial<Omit<TestNymserver, 'clock'>> & { readonly clock: Clock };

export class TestHolder {
  readonly identity: RsaPrivateKey;
  readonly encryption: RsaPrivateKey;
  readonly #on: Stage;

  constructor(on: Stage, which = 0) {
    const [identity, encryption] = [keys[2 * which], keys[2 * which + 1]];
    if (identity === undefined || encryption === undefined) throw new Error('there are keys for two nymholders');
    this.#on = on;
    this.identity = identity;
    this.encryption = encryption;
  }

  surbs(count: number, life = 30 * DAY): Surb[] {
    const address = { form: 'host' as const, host: 'mix.test', port: 48099, keyId: Buffer.alloc(20, 1) };
    const useBy = Math.floor((this.#on.clock.now() + life) / SECOND);
    return Array.from({ length: count }, () => {
      const exit = { routingType: RoutingType.MBOX, routingInfo: Buffer.from('someone') };
      const path = [{ address, packetKey: this.encryption.publicKey }];
      const random = { seed: systemRandom, padding: systemRandom, oaep: systemRandom };
      return createSurb({ path, exit, userKey: Buffer.alloc(20, 2), useBy }, random).surb;
    });
  }

  /** The octets of a control message; the SEQNO is random unless given. */
  message(nym: string, commands: readonly ServerCommand[], seqno: Buffer = systemRandom.bytes(20)): Buffer {
    return writeServerMessage({ nym, seqno, commands }, this.identity, systemRandom);
  }

  async say(nym: string, ...commands: readonly ServerCommand[]): Promise<Awaited<ReturnType<Nymserver['control']>>> {
    const { server } = this.#on;
    if (server === undefined) throw new Error('there is no server to say it to');
    return server.control(this.message(nym, commands));
  }

  keys(): ServerCommand {
    return { word: 'NEWPK', identity: this.identity.publicKey, encryption: this.encryption.publicKey };
  }

  /** From the first message to an open nym. */
  async create(nym: string, surbs = 20): Promise<void> {
    const create: ServerCommand = { word: 'CREATE', candidates: [nym] };
    await this.say('', create, this.keys(), { word: 'SURB', surbs: this.surbs(surbs) });
    await this.#on.pass?.(31 * MINUTE);
    const created = this.#on.replies?.flatMap(({ commands }) => commands)?.findLast(({ word }) => word === 'CREATED');
    if (created?.word !== 'CREATED') throw new Error('the nym was not granted');
    await this.say(nym, { word: 'CREATE2', response: created.challenge });
    await this.#on.pass?.(31 * MINUTE);
  }
}
