// Fragments on their way to being messages, kept from one run to the next by a storage that the caller chooses.
// spec: mixminion-client-api 9; mixminion-e2e 7

import { type Clock, startOfDay, systemClock } from '../../base/time.ts';
import type { When } from '../directory/descriptor.ts';
import { type AddResult, ReassemblyPool, type ReassemblyStorage } from '../payload/reassembly.ts';
import { isReady, type MessageState, progressOf } from '../payload/reassembly-state.ts';
import { type DecodedPacket, inflatedWhole, type MessageReading } from './decode.ts';
import { Mix3BadArgsError, Mix3NotFoundError } from './errors.ts';
import { asApi } from './translate.ts';

/** Octets of a compressed message. */
const MAX_SIZE = 64 * 1024 * 1024;
const SHORT_ID = 12;

export interface PooledMessage {
  /** The message id in hex, 40 digits ... */
  readonly id: string;
  /** ... and the first 12 characters of its base64 form, by which the old client calls it. */
  readonly shortId: string;
  /** Finished messages are remembered, so that a late fragment does not begin them anew. */
  readonly status: 'open' | 'completed' | 'rejected';
  /** Whom the fragments were for. */
  readonly identity: string;
  /** Octets of the compressed message. */
  readonly size: number;
  /** Useful packets at hand, and those needed. */
  readonly have: number;
  readonly need: number;
  /** Whether `assemble` will succeed. */
  readonly ready: boolean;
  /** The midnight before the first fragment came. */
  readonly since: Date;
}

export interface FragmentPoolOptions {
  readonly clock?: Clock;
  /** Octets that a compressed message may have, 64 MiB when not given: a larger one is refused at its first fragment. */
  readonly maxSize?: number;
}

export class FragmentPool {
  readonly #pool: ReassemblyPool;
  readonly #clock: Clock;

  constructor(storage: ReassemblyStorage, { clock = systemClock, maxSize = MAX_SIZE }: FragmentPoolOptions = {}) {
    this.#pool = new ReassemblyPool(storage, { clock, maxSize });
    this.#clock = clock;
  }

  /**
   * Takes a fragment; durable as the storage is when the promise resolves. `identity` says whom it came for, by default
   * what the packet says: no two may share a message. Throws Mix3BadArgsError for what is no fragment.
   */
  add(packet: DecodedPacket, identity = identityOf(packet)): Promise<AddResult> {
    return asApi(async () => {
      if (packet.contents.kind !== 'fragment') throw new Mix3BadArgsError('this packet is no fragment');
      return await this.#pool.add(packet.contents, identity);
    });
  }

  /** All messages, the finished ones too. */
  list(): Promise<PooledMessage[]> {
    return asApi(async () => (await this.#pool.messages()).map(pooled));
  }

  /** One message by either form of its id. Throws Mix3NotFoundError. */
  status(id: string): Promise<PooledMessage> {
    return asApi(async () => {
      const found = (await this.list()).filter((message) => message.id === id.toLowerCase() || message.shortId === id);
      const [message] = found;
      if (message === undefined || found.length > 1) throw new Mix3NotFoundError('no such message is in the pool');
      return message;
    });
  }

  /** The message, which stays in the pool until `remove`. Errors as `assembleFragments`, and Mix3NotFoundError. */
  assemble(id: string, reading: MessageReading = {}): Promise<Buffer> {
    return asApi(async () => inflatedWhole(await this.#pool.read(await this.#openId(id)), reading));
  }

  /** Takes the data of a message away; late fragments of it will be dropped. Throws Mix3NotFoundError. */
  remove(id: string): Promise<void> {
    return asApi(async () => await this.#pool.complete(await this.#openId(id)));
  }

  /** Gives up unfinished messages whose first fragment came before the midnight before `before`; returns how many. */
  expire(before: When): Promise<number> {
    const age = startOfDay(this.#clock.now()) - startOfDay(Number(before));
    return asApi(() => this.#pool.expire(age));
  }

  async #openId(id: string): Promise<string> {
    const { id: whole, status } = await this.status(id);
    if (status !== 'open') throw new Mix3NotFoundError(`the message is ${status}`);
    return whole;
  }
}

/** spec: mixminion-e2e 7 */
function identityOf({ wasPlaintext, identity, keyFingerprint }: DecodedPacket): string {
  if (wasPlaintext) return '---';
  return identity === undefined ? `key ${keyFingerprint}` : identity || 'default identity';
}

function pooled(state: MessageState): PooledMessage {
  const { id, status, identity, size, date } = state;
  const shortId = Buffer.from(id, 'hex').toString('base64').slice(0, SHORT_ID);
  return { id, shortId, status, identity, size, ...progressOf(state), ready: isReady(state), since: new Date(date) };
}
