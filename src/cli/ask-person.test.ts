// Commands that destroy what cannot be had again do nothing without a word: where nobody can be asked they want --yes.

import { expect, test } from 'vitest';
import { overhear } from '../../test/support/client.ts';
import { runPostern } from './program.ts';

test.each([
  'cmtp account remove alice',
  'immp account remove alice',
  'immp node remove alice/news@example.org',
  'immp delete *',
  'immp server-key switch --now',
  'ima account remove alice@example.org',
  'ima lists remove club@example.org',
  'smtp queue drop 0f3a',
  'remailer keys replace',
  'nym shutdown --nym alice',
  'nymserver close alice',
])('postern %s', async (line) => {
  expect(process.stdin.isTTY).toBeFalsy();
  const { status, out, err } = await overhear(() => runPostern(line.split(' ')));
  expect({ status, out }).toEqual({ status: 2, out: '' });
  expect(err).toBe('postern: nothing was done\n  what to do: run this in a terminal and agree, or give --yes\n');
});
