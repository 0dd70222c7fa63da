// Somebody in a test network who writes and reads, with a home like everybody's.

import { join } from 'node:path';
import type { Clock } from '../../base/time.ts';
import type { Draft } from '../client/compose.ts';
import { networkOptions } from '../client/flushing.ts';
import { Mix3Client } from '../client/mix3-client.ts';
import type { Packet } from '../client/packet.ts';
import type { Reading } from '../client/reading.ts';
import { sendPackets } from '../client/sending.ts';
import type { MadeSurb, SurbWish } from '../client/surb-making.ts';

export class Person {
  readonly #home: string;
  readonly #clock: Clock;

  constructor(home: string, clock: Clock) {
    this.#home = home;
    this.#clock = clock;
  }

  /** The packets of a message; none is sent. */
  compose(draft: Draft): Promise<Packet[]> {
    return this.#work(async (client) => {
      await client.updateDirectory();
      return await client.compose(draft);
    });
  }

  /** Hands packets to their first remailers. Throws Mix3Error when one is not taken. */
  send(packets: readonly Packet[]): Promise<void> {
    return this.#work(async ({ settings }) => {
      const failures: Error[] = [];
      const onResult = (_: Packet, error: Error | undefined) => void (error && failures.push(error));
      await sendPackets(packets, { ...networkOptions(settings), clock: this.#clock, onResult });
      const [failure] = failures;
      if (failure !== undefined) throw failure;
    });
  }

  surbs(wish: SurbWish): Promise<MadeSurb[]> {
    return this.#work(async (client) => {
      await client.updateDirectory();
      return await client.makeSurbs(wish);
    });
  }

  read(mail: Uint8Array): Promise<Reading[]> {
    return this.#work((client) => client.read(mail));
  }

  async #work<T>(work: (client: Mix3Client) => Promise<T>): Promise<T> {
    await using client = await Mix3Client.open({ folder: join(this.#home, 'mix'), clock: this.#clock });
    return await work(client);
  }
}
