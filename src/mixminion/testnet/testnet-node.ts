// One remailer of a test network: it can be stopped and started again, and who looks over its shoulder sees each packet that
// comes in.

import type { RsaPrivateKey } from '../../crypto/rsa.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { House } from '../../post/counter.ts';
import type { Acknowledgement, PacketRoom } from '../mmtp/carrier.ts';
import type { NodeFigures } from '../node/node.ts';
import { Remailer } from '../node/remailer.ts';
import type { MixSettings } from '../node/settings.ts';
import { directUnwrapper } from '../node/unwrap/direct.ts';

/** Told of a packet that a remailer was given, and of what it answered. */
export type Witness = (packet: Buffer, answer: Acknowledgement) => void;

export class TestnetNode {
  readonly nickname: string;
  readonly at: Endpoint;
  /** All keys that it ever made: nobody but a test network may have them. */
  readonly keys: RsaPrivateKey[] = [];
  readonly witnesses = new Set<Witness>();
  readonly #house: House;
  readonly #settings: MixSettings;
  readonly #generate: (bits: number) => Promise<RsaPrivateKey>;
  #remailer: Remailer | undefined;

  constructor(house: House, settings: MixSettings, generate: (bits: number) => Promise<RsaPrivateKey>) {
    const [at = { host: '127.0.0.1', port: 0 }] = settings.listen;
    this.nickname = settings.nickname;
    this.at = at;
    this.#house = house;
    this.#settings = settings;
    this.#generate = async (bits) => {
      const key = await generate(bits);
      this.keys.push(key);
      return key;
    };
  }

  get running(): boolean {
    return this.#remailer !== undefined;
  }

  /** Of its identity key, in hex. */
  get keyFingerprint(): string {
    return this.#atWork.fingerprint;
  }

  /** SHA-1 of that key: 20 octets. */
  get keyId(): Buffer {
    return Buffer.from(this.keyFingerprint, 'hex');
  }

  /** Its own count of what became of packets. */
  get figures(): NodeFigures {
    return this.#atWork.figures;
  }

  async start(): Promise<void> {
    this.#remailer ??= await Remailer.open(this.#house, this.#settings, {
      unwrapper: directUnwrapper(), // one thread for each core and remailer would be many
      generate: this.#generate,
      room: (room) => this.#watched(room),
    });
  }

  async stop(): Promise<void> {
    const remailer = this.#remailer;
    this.#remailer = undefined;
    await remailer?.close(0);
  }

  get #atWork(): Remailer {
    if (this.#remailer === undefined) throw new RangeError(`${this.nickname} is not running`);
    return this.#remailer;
  }

  #watched(room: PacketRoom): PacketRoom {
    return {
      receive: async (packet) => {
        const copy = this.witnesses.size > 0 ? Buffer.from(packet) : undefined; // the room takes the memory away
        const answer = await room.receive(packet);
        if (copy !== undefined) for (const witness of this.witnesses) witness(copy, answer);
        return answer;
      },
      padding: () => room.padding(),
    };
  }
}
