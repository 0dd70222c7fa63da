// The command table.   spec: smallmail 1.3

import { gone, wrongTime } from '../answers.ts';
import type { ClientWord } from '../wire.ts';
import type { CommandOf } from './command.ts';
import { crid } from './crid.ts';
import { dele } from './dele.ts';
import { list } from './list.ts';
import { recv } from './recv.ts';
import { rprt } from './rprt.ts';
import { send } from './send.ts';
import { proof, work } from './work.ts';

/** BODY without ACCEPT, RESP without CHAL.   spec: smallmail 2.8 */
const outOfPlace = async () => {
  throw wrongTime();
};

export const commands: { readonly [Word in ClientWord]: CommandOf<Word> } = {
  CRID: crid,
  SEND: send,
  BODY: outOfPlace,
  LIST: list,
  RECV: recv,
  RPRT: rprt,
  DELE: dele,
  RESP: outOfPlace,
  WORK: work,
  PROOF: proof,
  QUIT: async () => {
    throw gone(); // spec: smallmail 2.1
  },
};
