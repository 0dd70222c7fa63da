import { expect, test } from 'vitest';
import { overhear } from '../../../test/support/client.ts';
import type { ImmpSession } from '../../immp/client/session.ts';
import { offerBlock } from './spam.ts';

const answers: (boolean | undefined)[] = [];
const asked: string[] = [];
const ask = async (question: string) => {
  asked.push(question);
  return answers.shift();
};

function server() {
  const set: unknown[] = [];
  const session = { ask: async ({ setting }: { setting: unknown }) => void set.push(setting) };
  return { set, session: session as unknown as ImmpSession };
}

// spec: immp 2.11
test('whoever sits at a terminal is asked about each sender, and blocks those that he says', async () => {
  const { set, session } = server();
  answers.push(true, false);
  let blocked: string[] = [];
  const { out } = await overhear(async () => {
    blocked = await offerBlock(session, ['shop@spam.test', '@quiet.test'], {}, ask);
    return 0;
  });
  expect(blocked).toEqual(['shop@spam.test']);
  expect(out).toBe('blocked shop@spam.test\nto take nothing more from there: postern immp set block+=@quiet.test\n');
  expect(asked).toEqual(['Take nothing more from shop@spam.test?', 'Take nothing more from @quiet.test?']);
  expect(set).toEqual([{ name: 'BLOCK', change: { how: '+=', value: 'shop@spam.test' } }]);
});

test('nobody is asked about more than a few, nor by a script', async () => {
  asked.length = 0;
  const { set, session } = server();
  const many = Array.from({ length: 11 }, (_, number) => `n${number}@spam.test`);
  const { out } = await overhear(async () => (await offerBlock(session, many, {}, ask)).length);
  expect(out.match(/block\+=/g)).toHaveLength(11);
  expect(await offerBlock(session, many, { json: true }, ask)).toEqual([]);
  expect(set).toEqual([]);
  expect(await offerBlock(session, many, { block: true, json: true }, ask)).toEqual(many);
  expect([asked, set.length]).toEqual([[], 11]);
});
