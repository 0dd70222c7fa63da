// The power of one machine. When it fails, whatever the machine was doing stops where it is: no timer of it wakes, nothing
// that it waits for comes, and its peers see their connections break.

import type { Clock } from '../../src/base/time.ts';
import type { PacketCarrier, PacketRoom } from '../../src/mixminion/mmtp/carrier.ts';
import type { Disk, DiskFile } from '../../src/mixminion/node/disk/disk.ts';

export class Power {
  readonly #failed = Promise.withResolvers<never>();
  #isOn = true;

  constructor() {
    this.#failed.promise.catch(() => {});
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  fail(): void {
    this.#isOn = false;
    this.#failed.reject(new Error('the machine is without power'));
  }

  /** What the machine waits for: it never comes when the power fails before. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.#isOn && resolve(value),
        (error) => this.#isOn && reject(error),
      );
    });
  }

  /** What others wait for from the machine: it rejects when the power fails before. */
  outside<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#failed.promise]);
  }
}

/** A clock whose timers are forgotten when the power fails. */
export function clockOn(power: Power, clock: Clock): Clock {
  return { now: () => clock.now(), timer: (ms, wake) => clock.timer(ms, () => power.isOn && wake()) };
}

/** A disk that takes its time for each sync and each name: `wait` resolves when it has passed. */
export function diskOn(power: Power, disk: Disk, wait: () => Promise<void>): Disk {
  const slowly = <T>(work: () => Promise<T>) => power.within(wait()).then(() => power.within(work()));
  return {
    list: () => power.within(disk.list()),
    open: async (name) => fileOn(power, await slowly(() => disk.open(name)), slowly),
    remove: (name) => slowly(() => disk.remove(name)),
  };
}

function fileOn(power: Power, file: DiskFile, slowly: <T>(work: () => Promise<T>) => Promise<T>): DiskFile {
  return {
    get size() {
      return file.size;
    },
    append: (parts) => power.within(file.append(parts)),
    read: (position, length) => power.within(file.read(position, length)),
    readNow: (target, position) => file.readNow(target, position),
    writeNow: (octets, position) => file.writeNow(octets, position),
    sync: () => slowly(() => file.sync()),
    close: () => power.within(file.close()),
  };
}

export function carrierOn(power: Power, carrier: PacketCarrier): PacketCarrier {
  return {
    send: (hop, packet) => power.within(carrier.send(hop, packet)),
    pad: (hop) => power.within(carrier.pad(hop)),
    close: (grace) => power.within(carrier.close(grace)),
  };
}

/** The machine as its peers reach it. */
export function roomOn(power: Power, room: PacketRoom): PacketRoom {
  return {
    receive: (packet) => power.outside(room.receive(packet)),
    padding: () => room.padding(),
  };
}
