import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SECOND } from '../src/base/time.ts';
import { seededDraw } from './draw.ts';
import { saveFinding, targetFiles } from './files.ts';
import { fuzz, replay } from './harness.ts';
import { minimise } from './minimise.ts';
import { mutate, walk } from './mutate.ts';
import { dictionary } from './words.ts';

/** For all targets together, whatever their number. */
const TIME = 6 * SECOND;
/** A finding is made smaller before it is reported: a hang costs a second a try. */
const TIMEOUT = 60 * SECOND;

const toy = (name: string) => join(import.meta.dirname, 'testing', `toy-${name}.ts`);

describe('every target holds for a short while', () => {
  const targets = targetFiles();
  test.each(targets)('%s', { timeout: TIMEOUT }, async (name, file) => {
    const { finding, runs } = await fuzz(file, { seed: 1, milliseconds: TIME / targets.length });
    if (finding !== undefined) {
      expect.fail(
        `${finding.stack || finding.message}\nTo see it again: npm run fuzz -- ${name} --replay ${saveFinding(name, finding)}`,
      );
    }
    expect(runs).toBeGreaterThan(0);
  });
});

describe('the harness finds what is planted', () => {
  test('an error behind four magic octets that stand nowhere, and makes it small', async () => {
    const kept: Buffer[] = [];
    const options = { seed: 1, runs: 1_000_000, onKept: (input: Buffer) => kept.push(input) };
    const { finding, blocks } = await fuzz(toy('magic'), options);
    expect(finding).toMatchObject({ kind: 'error', name: 'RangeError', repeats: true });
    expect(finding?.input).toEqual(Buffer.from('b24f2055', 'hex'));
    expect(kept.length).toBeGreaterThanOrEqual(3);
    expect(blocks).toBeGreaterThan(5);
  });

  test('and with the same seed does the same again', async () => {
    const once = async (seed: number) => {
      const kept: string[] = [];
      const { runs } = await fuzz(toy('magic'), {
        seed,
        runs: 3000,
        onKept: (input) => kept.push(input.toString('hex')),
      });
      return { kept, runs };
    };
    const first = await once(5);
    expect(first.kept.length).toBeGreaterThan(0);
    expect(await once(5)).toEqual(first);
    expect(await once(6)).not.toEqual(first);
  });

  test('a loop without end', async () => {
    const { finding } = await fuzz(toy('hang'), { seed: 2 });
    expect(finding).toMatchObject({ kind: 'hang', repeats: true });
    expect(finding?.input).toEqual(Buffer.from('\t'));
  });

  test('a promise that nobody settles', async () => {
    const { finding } = await fuzz(toy('wait'), { seed: 1 });
    expect(finding).toMatchObject({ kind: 'hang', repeats: true, input: Buffer.alloc(1) });
  });

  test('an input that takes far more memory than it has octets', async () => {
    const { finding } = await fuzz(toy('memory'), { seed: 1 });
    expect(finding).toMatchObject({ kind: 'memory', name: 'MemoryError' });
    expect(finding?.input.length).toBe(4);
  });

  test('memory that stays behind, which is no single input’s doing', async () => {
    const { finding } = await fuzz(toy('leak'), { seed: 1 });
    expect(finding).toMatchObject({ kind: 'memory', name: 'MemoryError', repeats: false });
    expect(finding?.message).toContain('stay behind');
  });

  test('and a replay shows it again, or that it is gone', async () => {
    expect(await replay(toy('magic'), Buffer.from('b24f2055', 'hex'))).toMatchObject({ name: 'RangeError' });
    expect(await replay(toy('magic'), Buffer.from('b24f205500', 'hex'))).toBeUndefined();
  });
});

test('a file that is no target is refused', async () => {
  await expect(fuzz(toy('parser'), { seed: 1 })).rejects.toThrow('exports no fuzz target');
  await expect(fuzz(toy('nowhere'), { seed: 1 })).rejects.toThrow('cannot be loaded');
});

test('a mistyped name gets the nearest one, and exit code 2', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'run.ts'), 'smalmail-wire'], {
    encoding: 'utf8',
  });
  expect(stderr).toContain('Did you mean smallmail-wire?');
  expect(status).toBe(2);
});

test('what was kept of earlier times is kept again when it still reaches something', async () => {
  const corpus = ['b24f20', 'b24f21', '00'].map((hex) => Buffer.from(hex, 'hex'));
  const kept: string[] = [];
  await fuzz(toy('magic'), { seed: 1, corpus, runs: 1, onKept: (input) => kept.push(input.toString('hex')) });
  expect(kept).toEqual(['b24f20', 'b24f21']);
});

test('mutations stay within the length and repeat with the seed', () => {
  const input = Buffer.from('SEND 00112233 17\n');
  const once = (seed: number) => {
    const draw = seededDraw(seed);
    return Array.from({ length: 2000 }, () =>
      mutate(input, { draw, other: () => Buffer.from('LIST'), words: [Buffer.from('DELE')], maxLength: 40 }),
    );
  };
  const made = once(7);
  expect(made).toEqual(once(7));
  expect(made).not.toEqual(once(8));
  expect(Math.max(...made.map((each) => each.length))).toBe(40);
  expect(made.filter((each) => each.includes('DELE')).length).toBeGreaterThan(100);
  expect(input.toString()).toBe('SEND 00112233 17\n');
  expect([...walk(Buffer.from('ab'))].length).toBe(2 * 255 + 256);
});

test('the dictionary has the words of the seeds and the literals of the source', () => {
  const words = dictionary(
    [Buffer.from('SEND x1')],
    [`const MAGIC = 'SM1.'; const END = "\\r\\n\\x07"; const N = 0x0104;`],
  );
  for (const word of ['SEND', 'x1', 'SM1.', '\r\n\x07', '260', '\x01\x04']) {
    expect(words).toContainEqual(Buffer.from(word, 'latin1'));
  }
});

test('a failing input shrinks to what makes it fail', async () => {
  const fails = async (input: Buffer) => input.includes('bug') && input.length % 2 === 0;
  const smallest = await minimise(Buffer.from('a long text with a bug in its midst!'), fails);
  expect(smallest.length).toBe(4);
  expect(smallest.toString()).toMatch(/^0bug$|^bug0$/);
});
