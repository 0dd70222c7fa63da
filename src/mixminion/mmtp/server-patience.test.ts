// The listening side and peers that are slow, silent, deaf, or send nothing but padding.

import { describe, expect, test } from 'vitest';
import {
  beginSession,
  greeted,
  HELLO,
  junk,
  receivedJunk,
  type Session,
  send,
  settle,
  until,
} from '../../../test/support/mmtp-session.ts';
import { MINUTE, SECOND, VirtualClock } from '../../base/time.ts';
import type { Connection } from '../../net/connection.ts';
import * as wire from './wire.ts';

// spec: mixminion-mmtp 4
describe('a peer that takes its time', () => {
  const slow: readonly [string, (session: Session) => Promise<void>][] = [
    ['says nothing', async () => {}],
    ['begins its line and stops', async ({ peer }) => await peer.write('MMTP ')],
    ['agrees, and is silent', async ({ peer }) => await agree(peer)],
    [
      'sends a word and stops',
      async ({ peer }) => {
        await agree(peer);
        await peer.write('SEND\r\n');
      },
    ],
    [
      'sends half a unit and stops',
      async ({ peer }) => {
        await agree(peer);
        await peer.write(send(0).subarray(0, 16_000));
      },
    ],
  ];
  const agree = async (peer: Connection) => {
    await peer.write(HELLO);
    await peer.block(HELLO.length, SECOND);
  };

  test.each(slow)('and %s is let go after five minutes', async (_, talk) => {
    const clock = new VirtualClock();
    const session = beginSession({ clock });
    await talk(session);
    let ended = false;
    void session.ending.then(() => {
      ended = true;
    });
    await clock.advance(5 * MINUTE - SECOND);
    expect(ended).toBe(false);
    await clock.advance(2 * SECOND);
    expect(await session.ending).toBe('timeout');
  });

  test('and drips octets has five minutes for a unit, not for each octet', async () => {
    const clock = new VirtualClock();
    const { peer, ending } = beginSession({ clock });
    await agree(peer);
    const octets = send(0);
    for (let minute = 0; minute < 6; minute += 1) {
      await peer.write(octets.subarray(minute, minute + 1)).catch(() => {});
      await clock.advance(MINUTE);
    }
    // The word has six octets, and it was begun five minutes ago.
    expect(await ending).toBe('timeout');
  });

  test('and takes no answers is let go, having been read no further than the answers that wait', async () => {
    const clock = new VirtualClock();
    const { peer, room, ending } = beginSession({ clock });
    await agree(peer);
    const sending = (async () => {
      for (let count = 0; count < 500; count += 1) await peer.write(junk);
    })();
    sending.catch(() => {});
    await clock.advance(30 * SECOND);
    expect(room.pads).toBeGreaterThanOrEqual(16);
    expect(room.pads).toBeLessThan(100);
    await clock.advance(6 * MINUTE);
    expect(await ending).toBe('timeout');
  });
});

// spec: mixminion-mmtp 3, 6
test('a flood of padding is counted, answered and forgotten', async () => {
  const { peer, finish, room, ending } = await greeted();
  const reading = (async () => {
    for (let count = 0; count < 1000; count += 1) {
      const heard = await peer.block(wire.ANSWER_LENGTH, 5 * SECOND);
      if (!heard.equals(receivedJunk)) throw new Error('another answer');
    }
  })();
  for (let count = 0; count < 1000; count += 1) await peer.write(junk);
  await reading;
  finish();
  expect(await ending).toBe('finished');
  expect(room.pads).toBe(1000);
  expect(room.packets).toEqual([]);
});

test('units are read as fast as there is bandwidth', async () => {
  const asked: number[] = [];
  const waiting: (() => void)[] = [];
  const pace = (octets: number) => {
    asked.push(octets);
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const { peer, finish, room } = await greeted({ pace });
  const sending = Promise.all([peer.write(send(0)), peer.write(send(1))]);
  await settle();
  expect(room.packets).toEqual([]);
  waiting[0]?.();
  await until(() => room.packets.length === 1);
  await until(() => waiting.length === 2);
  waiting[1]?.();
  await sending;
  await until(() => room.packets.length === 2);
  expect(asked.slice(0, 2)).toEqual([wire.UNIT_LENGTH, wire.UNIT_LENGTH]);
  finish();
});
