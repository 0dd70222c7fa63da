// Single-use reply blocks: made for an interval in which all their servers are valid, written and read in both forms.
// spec: mixminion-client-api 7

import { open } from 'node:fs/promises';
import { asBuffer } from '../../base/bytes.ts';
import { replaceFile } from '../../base/files.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { SECOND, startOfDay } from '../../base/time.ts';
import { type Address, exitOf } from '../directory/address.ts';
import type { ServerDescriptor, When } from '../directory/descriptor.ts';
import { nodeOf } from '../directory/path-choice.ts';
import { endOfFirstBlock } from '../packet/armor.ts';
import { type HopAddress, parseHopAddress } from '../packet/routing.ts';
import * as blocks from '../packet/surb.ts';
import { Mix3BadArgsError, Mix3BadFormatError } from './errors.ts';
import type { SurbSecret } from './surb-secret.ts';
import { asApi } from './translate.ts';

const ARMOR = 'TYPE III REPLY BLOCK';
/** Octets of a file of reply blocks. */
const MAX_FILE = 64 * 1024 * 1024;

export interface SurbOptions {
  /** The leg from the crossover to the one who hands over the answer. */
  readonly path: readonly ServerDescriptor[];
  /** Where the answer is delivered: mail, mbox, or another exit type that has a tag. */
  readonly address: Address;
  /** All servers are valid from here ... */
  readonly validFrom: When;
  /** ... to here. The block is good until the midnight before. */
  readonly validUntil: When;
  readonly secret: SurbSecret;
  /** Candidates for the tag: 1 octet, then 19, some 256 times. */
  readonly random?: Random;
  /** The padding of the header; `random` when not given. */
  readonly paddingRandom?: Random;
  /** OAEP seeds, 20 octets a hop from the last to the first; `random` when not given. */
  readonly oaepRandom?: Random;
}

export class Surb {
  /** Its fields, as the primitives take and give them. */
  readonly block: blocks.Surb;

  constructor(block: blocks.Surb) {
    this.block = block;
  }

  /**
   * A reply block, and the handle by which its answer will be known. Throws Mix3BadArgsError when a server is not valid
   * all that time or the address cannot be answered, Mix3PathTooLongError.   spec: mixminion-client-api 7
   */
  static generate(options: SurbOptions): { surb: Surb; decodingHandle: Buffer } {
    const { path, address, validFrom, validUntil, secret, random = systemRandom } = options;
    const { paddingRandom = random, oaepRandom = random } = options;
    return asApi(() => {
      const useBy = startOfDay(Number(validUntil));
      if (!(useBy > Number(validFrom))) throw new Mix3BadArgsError('the reply block would be over before it begins');
      const stranger = path.find((server) => !server.isValidFrom(validFrom, useBy));
      if (stranger !== undefined)
        throw new Mix3BadArgsError(`the descriptor of ${stranger.nickname} is not valid all that time`);
      const { routingType, routingInfo } = exitOf(address);
      const order = {
        path: path.map(nodeOf),
        exit: { routingType, routingInfo },
        userKey: secret.bytes,
        useBy: useBy / SECOND,
      };
      const made = blocks.createSurb(order, { seed: random, padding: paddingRandom, oaep: oaepRandom });
      return { surb: new Surb(made.surb), decodingHandle: made.tag };
    });
  }

  /** The first block of a text (told by its BEGIN line) or of octets, and what follows it. Throws Mix3BadFormatError. */
  static parse(data: string | Uint8Array): { surb: Surb; rest: Buffer } {
    return asApi(() => {
      const octets = octetsOf(data);
      if (!isArmored(data)) {
        const { surb, length } = blocks.parseSurb(octets);
        return { surb: new Surb(surb), rest: octets.subarray(length) };
      }
      const end = endOfFirstBlock(octets, ARMOR) ?? octets.length;
      const [first] = blocks.parseArmoredSurbs(octets.subarray(0, end));
      if (first === undefined) throw new Mix3BadFormatError('there is no reply block in the text');
      return { surb: new Surb(first), rest: octets.subarray(end) };
    });
  }

  /** All blocks of a text, whatever stands between them, or of octets; none is no error. Throws Mix3BadFormatError. */
  static parseAll(data: string | Uint8Array): Surb[] {
    return asApi(() => {
      const octets = octetsOf(data);
      const found = isArmored(data) ? blocks.parseArmoredSurbs(octets) : blocks.parseSurbs(octets);
      return found.map((block) => new Surb(block));
    });
  }

  /** All blocks of a file. Throws Mix3BadFormatError, Mix3NotFoundError when there is no file. */
  static load(path: string): Promise<Surb[]> {
    return asApi(async () => {
      await using file = await open(path);
      if ((await file.stat()).size > MAX_FILE)
        throw new Mix3BadFormatError(`the file has more than ${MAX_FILE} octets`);
      return Surb.parseAll(await file.readFile());
    });
  }

  /** The binary form. */
  toBytes(): Buffer {
    return blocks.writeSurb(this.block);
  }

  /** The text form. */
  toArmor(): string {
    return blocks.armorSurb(this.block);
  }

  /** Puts the block, as text unless `binary` is set, in the place of a file that only its owner reads. */
  writeTo(path: string, { binary = false }: { binary?: boolean } = {}): Promise<void> {
    return asApi(() => replaceFile(path, binary ? this.toBytes() : this.toArmor()));
  }

  /** Of no use from then on. */
  get expires(): Date {
    return new Date(this.block.useBy * SECOND);
  }

  /** The server behind the crossover. Throws Mix3BadFormatError when the block names none. */
  get firstHop(): HopAddress {
    return asApi(() => parseHopAddress(this.block));
  }

  /** SHA-1 of the binary form, in hex: its name in logs of used blocks. */
  get digest(): string {
    return blocks.surbDigest(this.block);
  }
}

function octetsOf(data: string | Uint8Array): Buffer {
  return typeof data === 'string' ? Buffer.from(data) : asBuffer(data);
}

/** A string is text. Octets are when they have a BEGIN line and are not the binary form to begin with. */
function isArmored(data: string | Uint8Array): boolean {
  if (typeof data === 'string') return true;
  const octets = asBuffer(data);
  return !/^\s*SURB/.test(octets.toString('latin1', 0, 64)) && octets.includes(`-----BEGIN ${ARMOR}-----`);
}
