// The listening side against the recorded sessions, against any cut of them, and against peers that mean it no good.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mmtpVectors, packetOf } from '../../../test/support/mmtp.ts';
import {
  answer,
  beginSession,
  greeted,
  HELLO,
  junk,
  receivedJunk,
  rest,
  send,
  settle,
  TestRoom,
  until,
} from '../../../test/support/mmtp-session.ts';
import { base64 } from '../../../test/support/vectors.ts';
import { SECOND } from '../../base/time.ts';
import { connectionPair } from '../../net/memory.ts';
import { type Ending, serve } from './server.ts';
import * as wire from './wire.ts';

/** Says something and goes; what the server answered, and how it ended. */
async function say(...octets: Buffer[]): Promise<{ heard: Buffer; how: Ending; room: TestRoom }> {
  const { peer, finish, room, ending } = beginSession();
  const heard = rest(peer);
  for (const part of octets) await peer.write(part).catch(() => {});
  finish();
  return { heard: await heard, how: await ending, room };
}

// spec: mixminion-mmtp 2, 3, 7
describe('the recorded sessions', () => {
  const indices: Readonly<Record<string, readonly number[]>> = {
    'one packet': [0],
    'junk then packet': [1],
    rejected: [2],
    'eight packets (write-ahead)': [0, 1, 2, 3, 4, 5, 6, 7],
    'unknown protocol version offered': [3],
    'several versions offered': [4],
  };

  for (const { name, direction_log } of mmtpVectors.transcripts)
    test(name, async () => {
      const room = new TestRoom();
      if (name === 'rejected') room.keep = async () => 'rejected';
      const { peer, finish, ending } = beginSession({ room });
      const packets = [...(indices[name] ?? [])];
      for (const { from, data } of direction_log) {
        if (from === 'client') {
          const octets = data.pieces.map(([word]) => {
            if (word.startsWith('MMTP')) return Buffer.from(`${word}\r\n`);
            return word === 'JUNK' ? junk : send(packets.shift() ?? 0);
          });
          const whole = Buffer.concat(octets);
          expect(whole.length).toBe(data.len);
          const known = data.pieces.every(([word]) => word !== 'JUNK'); // of the junk only a digest was recorded
          if (known) expect(createHash('sha256').update(whole).digest('hex')).toBe(data.sha256);
          await peer.write(whole);
          continue;
        }
        const heard = await peer.block(data.len, SECOND);
        const recorded = base64(data.bytes_b64 ?? '');
        const made = name.startsWith('junk') && heard.length > HELLO.length ? wire.ANSWER_LENGTH : 0;
        if (made > 0) expect(heard.subarray(0, made)).toEqual(receivedJunk);
        expect(heard.subarray(made)).toEqual(recorded.subarray(made));
      }
      const unknown = name.startsWith('unknown');
      if (!unknown) finish();
      expect((await rest(peer)).length).toBe(0);
      expect(await ending).toBe(unknown ? 'other-version' : 'finished');
      expect(room.packets).toEqual(unknown ? [] : (indices[name] ?? []).map(packetOf));
      expect(room.pads).toBe(name.startsWith('junk') ? 1 : 0);
    });
});

test('any cut of the stream gives the same packets and answers', async () => {
  const spoken = Buffer.concat([send(0), junk, send(1)]);
  const expected = Buffer.concat([HELLO, answer(0), receivedJunk, answer(1)]);
  // Cuts where something begins or ends, and anywhere.
  const edges = [1, 5, 6, 7, 32_773, 32_774, 32_775, 32_793, 32_794, 32_795, 65_588, 65_594];
  const place = fc.oneof(fc.constantFrom(...edges), fc.integer({ min: 1, max: spoken.length - 1 }));
  const cuts = fc.uniqueArray(place, { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }), async (places, early) => {
      const { peer, finish, room, ending } = beginSession();
      for (const part of partsOf(HELLO, early)) await peer.write(part);
      const greeting = await peer.block(HELLO.length, SECOND);
      const heard = rest(peer);
      for (const part of partsOf(spoken, places)) await peer.write(part);
      finish();
      expect(Buffer.concat([greeting, await heard]).equals(expected)).toBe(true);
      expect(await ending).toBe('finished');
      expect(room.packets.map((packet, index) => packet.equals(packetOf(index)))).toEqual([true, true]);
      for (const packet of room.packets) expect(packet.buffer.byteLength).toBe(wire.BODY_LENGTH + 20); // of its own
      expect(room.pads).toBe(1);
    }),
    { numRuns: 40 },
  );
});

function partsOf(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const borders = [0, ...[...cuts].sort((a, b) => a - b), octets.length];
  return borders.slice(1).map((border, index) => octets.subarray(borders[index], border));
}

// spec: mixminion-mmtp 2
describe('the line of versions', () => {
  test.each([
    ['a bare LF does not end it', [Buffer.from('MMTP 0.3\n')], 'no-version'],
    ['nor does a bare CR', [Buffer.from('MMTP 0.3\r')], 'no-version'],
    ['a blank behind the comma', [Buffer.from('MMTP 0.3, 0.4\r\n')], 'no-version'],
    ['another word', [Buffer.from('HELO 0.3\r\n')], 'no-version'],
    ['nothing at all', [], 'cut'],
    ['versions that nobody speaks', [Buffer.from('MMTP 0.1,0.2,1.0\r\n')], 'other-version'],
    ['a unit behind it in the same write', [Buffer.concat([HELLO, send(0)])], 'no-version'],
    ['one octet behind it in the same write', [Buffer.concat([HELLO, Buffer.from('S')])], 'no-version'],
    ['more than 4096 octets', [Buffer.from(`MMTP ${'0.4,'.repeat(1023)}0.3\r\n`)], 'no-version'],
    ['no end', Array<Buffer>(5).fill(Buffer.alloc(1000, 'M')), 'no-version'],
  ] as const)('%s: closed without an answer', async (_, octets, how) => {
    const said = await say(...octets);
    expect(said.heard.length).toBe(0);
    expect(said.how).toBe(octets.length === 1 && !octets[0].includes('\r\n') ? 'cut' : how);
    expect(said.room.packets).toEqual([]);
  });

  test('of 4096 octets is still one', async () => {
    const line = Buffer.from(`MMTP ${'0.4,'.repeat(1021)}0.3\r\n`);
    const longest = Buffer.from(line.toString().replace('0.4', `0.4${'4'.repeat(4096 - line.length)}`));
    expect(longest.length).toBe(4096);
    const { peer, finish, ending } = beginSession();
    await peer.write(longest);
    expect(await peer.block(HELLO.length, SECOND)).toEqual(HELLO);
    await peer.write(send(0));
    expect(await peer.block(wire.ANSWER_LENGTH, SECOND)).toEqual(answer(0));
    finish();
    expect(await ending).toBe('finished');
  });
});

const flipped = (octets: Buffer, at: number) => {
  const changed = Buffer.from(octets);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};

// spec: mixminion-mmtp 3
describe('a unit that breaks the rules ends the conversation without an answer, and the units before have theirs', () => {
  test.each([
    ['an unknown word', Buffer.concat([Buffer.from('SENT\r\n'), send(1).subarray(6)]), 'unknown-word'],
    ['a word that ends in LF', Buffer.concat([Buffer.from('SEND \n'), send(1).subarray(6)]), 'unknown-word'],
    ['an unknown word and nothing else', Buffer.from('QUIT\r\n'), 'unknown-word'],
    ['one bit of the body', flipped(send(1), 6), 'wrong-hash'],
    ['the last bit of the body', flipped(send(1), 32_773), 'wrong-hash'],
    ['one bit of the hash', flipped(send(1), 32_793), 'wrong-hash'],
    ['the hash of the other word', Buffer.concat([Buffer.from('JUNK\r\n'), send(1).subarray(6)]), 'wrong-hash'],
    ['half a unit', send(1).subarray(0, 20_000), 'cut'],
    ['half a word', Buffer.from('SEN'), 'cut'],
  ] as const)('%s', async (_, bad, how) => {
    const { peer, finish, room, ending } = await greeted();
    const heard = rest(peer);
    await peer.write(send(0));
    await peer.write(bad).catch(() => {});
    finish();
    expect(await heard).toEqual(answer(0));
    expect(await ending).toBe(how);
    expect(room.packets).toHaveLength(1);
  });
});

// spec: mixminion-mmtp 3
describe('an answer', () => {
  test('waits until the packet is kept, and units are read on meanwhile, 16 of them', async () => {
    const room = new TestRoom();
    const kept: (() => void)[] = [];
    room.keep = () => new Promise((resolve) => kept.push(() => resolve('received')));
    const { peer, finish, ending } = await greeted({ room });
    const writing = (async () => {
      for (let count = 0; count < 30; count += 1) await peer.write(send(count % 8));
    })();
    await until(() => room.packets.length === 16);
    await settle();
    expect(room.packets).toHaveLength(16);

    // The last ones are kept first; nothing is said before the first one is.
    for (const keep of kept.splice(1).reverse()) keep();
    await settle();
    const first = peer.block(wire.ANSWER_LENGTH, 5 * SECOND);
    let heard = false;
    void first.then(() => {
      heard = true;
    });
    await settle();
    expect(heard).toBe(false);
    room.keep = async () => 'received';
    kept[0]?.();
    expect(await first).toEqual(answer(0));
    for (let count = 1; count < 30; count += 1)
      expect((await peer.block(wire.ANSWER_LENGTH, 5 * SECOND)).equals(answer(count % 8))).toBe(true);
    await writing;
    finish();
    expect(await ending).toBe('finished');
  });

  test('says REJECTED for the packet that cannot be kept, and for no other', async () => {
    const room = new TestRoom();
    room.keep = async () => (room.packets.length === 2 ? 'rejected' : 'received');
    const { peer, finish } = await greeted({ room });
    for (const index of [0, 1, 2]) {
      await peer.write(send(index));
      const word = index === 1 ? 'REJECTED' : 'RECEIVED';
      expect(await peer.block(wire.ANSWER_LENGTH, SECOND)).toEqual(answer(index, word));
    }
    finish();
  });

  test('is not given when the room fails, nor to anything behind', async () => {
    const room = new TestRoom();
    room.keep = async () => {
      if (room.packets.length === 2) throw new Error('the disk is gone');
      return 'received';
    };
    const { peer, ending } = await greeted({ room });
    const heard = rest(peer);
    for (const index of [0, 1, 2, 3]) await peer.write(send(index)).catch(() => {});
    expect(await heard).toEqual(answer(0));
    expect(await ending).toBe('room-failed');
  });

  test('still goes to a peer that said goodbye behind its last unit, and when the office closes', async () => {
    const room = new TestRoom();
    room.keep = async () => {
      await settle();
      return 'received';
    };
    const [here, peer] = connectionPair();
    const ending = serve(here, room);
    await peer.write(HELLO);
    await peer.block(HELLO.length, SECOND);
    await peer.write(send(0));
    await until(() => room.packets.length === 1);
    here.leave();
    expect(await peer.block(wire.ANSWER_LENGTH, SECOND)).toEqual(answer(0));
    expect(await ending).toBe('finished');
  });
});
