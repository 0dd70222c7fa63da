import { duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SECOND, VirtualClock } from '../base/time.ts';
import { Connection } from './connection.ts';
import { NetError } from './errors.ts';
import { connectionPair } from './memory.ts';

const failing = (code: string) => expect.objectContaining({ name: NetError.name, code });
const gather = async (chunks: AsyncIterable<Buffer>) => Buffer.concat(await Array.fromAsync(chunks));

describe('reading', () => {
  test('lines, blocks and streams follow each other without a gap', async () => {
    const [here, there] = connectionPair();
    await there.write('one\r\ntwo\nxyzBODYBODY\nend\n');
    expect(String(await here.line(100, SECOND))).toBe('one');
    expect(String(await here.line(100, SECOND))).toBe('two');
    expect(String(await here.block(3, SECOND))).toBe('xyz');
    expect(String(await gather(here.stream(8, SECOND)))).toBe('BODYBODY');
    expect(String(await here.line(100, SECOND))).toBe('');
    expect(String(await here.line(100, SECOND))).toBe('end');
    void there.close();
    expect(await here.line(100, SECOND)).toBeUndefined();
  });

  test('any cut of the stream gives the same values', async () => {
    const wire = Buffer.from('hello 5\nabcde\nlast line\n');
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: wire.length - 1 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(cuts, async (places) => {
        const [a, b] = duplexPair();
        const here = new Connection(a);
        const borders = [0, ...places.sort((x, y) => x - y), wire.length];
        const feeding = (async () => {
          for (const [at, from] of borders.slice(0, -1).entries()) {
            b.write(wire.subarray(from, borders[at + 1]));
            await new Promise(setImmediate);
          }
        })();
        expect(String(await here.line(20, SECOND))).toBe('hello 5');
        expect(String(await gather(here.stream(5, SECOND)))).toBe('abcde');
        expect(String(await here.line(20, SECOND))).toBe('');
        expect(String(await here.line(20, SECOND))).toBe('last line');
        await feeding;
      }),
      { numRuns: 50 },
    );
  });

  test('a line is as long as its limit, LF included, and not longer', async () => {
    const [here, there] = connectionPair();
    await there.write('1234567\n12345678\n');
    expect(String(await here.line(8, SECOND))).toBe('1234567');
    await expect(here.line(8, SECOND)).rejects.toEqual(failing('line-too-long'));
  });

  test('a token ends at the first of its ends, and says at which', async () => {
    const [here, there] = connectionPair();
    const next = async (ends: number[], limit = 10) => {
      const token = await here.token(ends, limit, SECOND);
      return token && [String(token.octets), token.end];
    };
    await there.write('MAIL\0EHLO me\r\n\0abcdefghi\rabcdefghi\r');
    expect(await next([0])).toEqual(['MAIL', 0]);
    expect(await next([0, 10, 13])).toEqual(['EHLO me', 13]);
    expect(await next([0, 10, 13])).toEqual(['', 10]);
    expect(await next([0])).toEqual(['', 0]);
    expect(await next([13])).toEqual(['abcdefghi', 13]);
    await expect(next([0, 13], 9)).rejects.toEqual(failing('line-too-long'));
    expect(String(await here.chunk(4, SECOND))).toBe('abcd');
    expect(String(await here.chunk(100, SECOND))).toBe('efghi\r');
    void there.close();
    expect(await next([0])).toBeUndefined();
    await expect(here.chunk(1, SECOND)).rejects.toEqual(failing('cut'));
  });

  test('a line without an end is refused at its limit, not kept', async () => {
    const [here, there] = connectionPair();
    void there.write('x'.repeat(5000));
    await expect(here.line(1024, SECOND)).rejects.toEqual(failing('line-too-long'));
  });

  test('an end in the middle of a line or a body is a cut', async () => {
    const [a, b] = connectionPair();
    await b.write('half');
    void b.close();
    await expect(a.line(100, SECOND)).rejects.toEqual(failing('cut'));
    const [c, d] = connectionPair();
    await d.write('half');
    void d.close();
    await expect(gather(c.stream(10, SECOND))).rejects.toEqual(failing('cut'));
  });
});

describe('time', () => {
  test('a silent peer, and one that sends a letter at a time, both run into the deadline', async () => {
    const clock = new VirtualClock();
    const [here, there] = connectionPair({ clock });
    const silent = expect(here.line(100, 10 * SECOND)).rejects.toEqual(failing('timeout'));
    await clock.advance(11 * SECOND);
    await silent;
    const slow = expect(here.line(100, 10 * SECOND)).rejects.toEqual(failing('timeout'));
    for (let i = 0; i < 11; i += 1) {
      await there.write('x');
      await clock.advance(SECOND);
    }
    await slow;
  });

  test('a peer that takes nothing is given up', async () => {
    const clock = new VirtualClock();
    const [here] = connectionPair({ clock, writeTimeout: 5 * SECOND });
    const stuck = expect(
      (async () => {
        for (;;) await here.write(Buffer.alloc(64 * 1024));
      })(),
    ).rejects.toEqual(failing('timeout'));
    await clock.advance(6 * SECOND);
    await stuck;
  });
});

describe('leaving', () => {
  test('at a border the conversation ends as if the peer had gone', async () => {
    const [here, there] = connectionPair();
    const waiting = here.awaitLine(SECOND);
    here.leave();
    expect(await waiting).toBe(false);
    await there.write('late\n');
    await new Promise(setImmediate);
  });

  test('what is under way goes on', async () => {
    const [here, there] = connectionPair();
    await there.write('begun ');
    const line = here.line(100, SECOND);
    await new Promise(setImmediate);
    here.leave();
    await there.write('and ended\n');
    expect(String(await line)).toBe('begun and ended');
  });

  test('destroy ends a waiting read', async () => {
    const [here] = connectionPair();
    const waiting = here.line(100, SECOND);
    here.destroy();
    await expect(waiting).rejects.toEqual(failing('closed'));
    await expect(here.write('x')).rejects.toEqual(failing('closed'));
  });
});

describe('release', () => {
  test('the stream is another’s, with all that has come', async () => {
    const [a, b] = duplexPair();
    const here = new Connection(a);
    b.write('early');
    await new Promise(setImmediate);
    const stream = await here.release();
    const got: Buffer[] = [];
    stream.on('data', (chunk) => got.push(chunk));
    b.end(' and late');
    await new Promise((resolve) => stream.once('end', resolve));
    expect(String(Buffer.concat(got))).toBe('early and late');
    await expect(here.line(10, SECOND)).rejects.toEqual(failing('closed'));
    await here.close(); // touches nothing
    expect(stream.destroyed).toBe(false);
    b.destroy();
  });

  test('not after something was read', async () => {
    const [here, there] = connectionPair();
    await there.write('one\ntwo\n');
    await here.line(10, SECOND);
    await expect(here.release()).rejects.toEqual(failing('closed'));
  });
});
