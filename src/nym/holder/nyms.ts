// All nyms of one person, below the folder of his mix client: answers that came by mail find their nym, and each nym says what it has
// to say through the client's queue. Nothing goes from one nym's folder to another's.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { Clock } from '../../base/time.ts';
import type { Mix3Client } from '../../mixminion/client/mix3-client.ts';
import type { Address } from '../../mixminion/directory/address.ts';
import { NYM_EXIT_TYPE } from '../../mixminion/directory/descriptor-fields.ts';
import { nymName } from '../names.ts';
import type { HolderMix } from './desk.ts';
import { HolderError } from './errors.ts';
import { NymFolder, nymFolders } from './folder.ts';
import { Nymholder } from './holder.ts';
import type { ServerAddress } from './record.ts';

const FOLDER = 'nyms';
const OWNER_ONLY = 0o700;

export interface NymsOptions {
  /** Held open for as long as the nyms are worked on: its lock keeps others away. */
  readonly client: Mix3Client;
  /** The client's folder. */
  readonly folder: string;
  /** Where answers are to be delivered; undefined where no reply blocks will be made. */
  readonly answersTo: Address | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** What some mail brought for a nym. */
export interface Arrived {
  readonly address: string;
  readonly mails: number;
  readonly synopses: number;
}

export interface Receipt {
  readonly arrived: readonly Arrived[];
  /** Parts of long messages whose others are still on their way. */
  readonly parts: number;
  /** Anonymous messages that are for no nym. */
  readonly others: number;
  /** Why something could not be read. */
  readonly flaws: readonly string[];
}

export class Nyms {
  readonly #options: NymsOptions;
  readonly #holders: Nymholder[] = [];

  private constructor(options: NymsOptions) {
    this.#options = options;
  }

  static async open(options: NymsOptions): Promise<Nyms> {
    const nyms = new Nyms(options);
    const folder = join(options.folder, FOLDER);
    for (const name of await nymFolders(folder)) {
      nyms.#holders.push(await Nymholder.open(await nyms.#parts(join(folder, name))));
    }
    return nyms;
  }

  get all(): readonly Nymholder[] {
    return this.#holders;
  }

  /** The one of that name or address; the only one there is when none is given. Throws HolderError `no-nym`. */
  find(name?: string): Nymholder {
    const wanted = name?.toLowerCase();
    const found = this.#holders.filter(({ address, record }) => {
      return wanted === undefined || [address, address.split('@')[0], record.label].includes(wanted);
    });
    const [holder] = found;
    if (holder !== undefined && found.length === 1) return holder;
    const which = this.#holders.map(({ address }) => address).join(', ');
    throw new HolderError('no-nym', found.length === 0 ? 'there is no such nym' : 'there are several nyms', {
      remedy: which === '' ? 'ask for one: `postern nym create NAME@DOMAIN`' : `say which with --nym: ${which}`,
    });
  }

  /**
   * Makes what a new nym needs; it is asked for with the next `tend`. Candidates are names, the one liked best first. Throws
   * HolderError `no-nym`, `no-server`, NymError `name`.
   */
  async create(candidates: readonly string[], domain: string, byMbox: boolean): Promise<Nymholder> {
    const names = candidates.map((name) => (name === '' ? '' : nymName(name)));
    const server = this.#serverOf(domain, byMbox);
    const label = `${names[0] || `any-${this.#options.random.bytes(4).toString('hex')}`}@${server.domain}`;
    const holder = await Nymholder.create(await this.#parts(join(this.#options.folder, FOLDER, label)), {
      label,
      server,
      candidates: names,
    });
    this.#holders.push(holder);
    return holder;
  }

  /** Takes mail that a remailer delivered: whatever is in it for a nym. Throws what opening the key ring throws. */
  async receive(text: Buffer): Promise<Receipt> {
    const { client } = this.#options;
    const receipt = { arrived: [] as Arrived[], parts: 0, others: 0, flaws: [] as string[] };
    const hand = async (identity: string | undefined, message: Buffer) => {
      const holder = this.#holders.find(({ record }) => identity !== undefined && record.identities.includes(identity));
      if (holder === undefined) {
        receipt.others += 1;
        return;
      }
      try {
        receipt.arrived.push({ address: holder.address, ...(await holder.take(message)) });
      } catch (error) {
        receipt.flaws.push(messageOf(error));
      }
    };
    for (const reading of await client.read(text)) {
      if (reading.kind === 'message') await hand(reading.identity, reading.message);
      else if (reading.kind === 'failed') receipt.flaws.push(reading.error.message);
      else if (reading.kind === 'overcompressed') receipt.flaws.push('it would inflate far beyond its size');
      else if (!reading.pooled.ready || reading.pooled.status !== 'open') receipt.parts += 1;
      else {
        const { id, identity } = reading.pooled;
        await hand(identity, await client.fragments.assemble(id, { stripHeaders: true }));
        await client.fragments.remove(id);
      }
    }
    return receipt;
  }

  /** Lets every nym say what it has to say, into the client's queue; resolves to how many messages that were. */
  async tend(): Promise<number> {
    let sent = 0;
    for (const holder of this.#holders) sent += await holder.tend();
    return sent;
  }

  /** Who gives out nyms under that domain, or at the remailer of that name, by the directory.   spec: mixminion-nym 9 */
  #serverOf(domain: string, byMbox: boolean): ServerAddress {
    const wanted = domain.toLowerCase();
    const servers = this.#options.client.directory.getServers().filter(({ fields: { nym } }) => nym?.domain === wanted);
    const [server] = servers.sort((a, b) => b.fields.published - a.fields.published);
    const { nym } = server?.fields ?? {};
    if (server === undefined || nym === undefined) {
      throw new HolderError('no-server', `no remailer of the directory gives out nyms at ${domain}`, {
        remedy: '`postern mix servers --features Delivery/NYM3:Domain` lists those that do',
      });
    }
    if (!byMbox) return { domain: wanted, node: server.nickname, mbox: undefined };
    if (nym.controlMbox === undefined) {
      throw new HolderError('no-server', `${server.nickname} takes no control messages by mbox`);
    }
    return { domain: wanted, node: server.nickname, mbox: nym.controlMbox };
  }

  async #parts(path: string) {
    const { clock, random } = this.#options;
    await mkdir(join(this.#options.folder, FOLDER), { recursive: true, mode: OWNER_ONLY });
    return { folder: await NymFolder.open(path), mix: this.#mix(), clock, random };
  }

  #mix(): HolderMix {
    const { client, answersTo } = this.#options;
    return {
      async surbs(identity, count) {
        if (answersTo === undefined) {
          throw new HolderError('nym-state', 'nobody said where answers are to be delivered', {
            remedy: 'set address under [surbs] in mix.toml',
          });
        }
        return (await client.makeSurbs({ count, identity, address: answersTo })).map(({ surb }) => surb.block);
      },
      async send(message, server) {
        await client.enqueue({ message, to: controlAddress(server) });
      },
    };
  }
}

function controlAddress({ domain, node, mbox }: ServerAddress): Address {
  if (mbox !== undefined) return { type: 'mbox', address: mbox, exitServer: node };
  return { type: 'other', routingType: NYM_EXIT_TYPE, routingInfo: Buffer.from(domain), exitServer: node };
}
