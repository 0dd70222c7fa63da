// KEY NEXT, an extension: the server says which key it will show next, under the one that it shows now. Whoever has pinned this one
// needs nobody's word when the other comes.   spec: immp 2.4

import { toHex } from '../../base/bytes.ts';
import { Refusal } from '../codes.ts';
import { nextKey } from '../wire/texts.ts';
import type { Handler } from './command.ts';

export const keyNext: Handler<'KEY NEXT'> = async (_command, answers) => {
  const { next } = answers.room.identity;
  if (next === undefined) throw new Refusal('404');
  await answers.send('292', nextKey.write(toHex(next)));
};
