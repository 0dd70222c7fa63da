// Text armor: any text, read as each kind of block, with both ways of reading the body.

import {
  type ArmorName,
  readArmor,
  readBase64,
  readText,
  writeArmor,
  writeBase64,
  writeText,
} from '../../src/mixminion/packet/armor.ts';
import { ParseError } from '../../src/mixminion/packet/errors.ts';
import type { FuzzTarget } from '../harness.ts';

const NAMES: readonly ArmorName[] = ['TYPE III ANONYMOUS MESSAGE', 'TYPE III REPLY BLOCK', 'TYPE III KEYRING'];

export const target: FuzzTarget = {
  about: 'Type III text armor',

  seeds() {
    const text = writeArmor(
      NAMES[0] ?? 'TYPE III KEYRING',
      [['Message-type', 'plaintext']],
      writeText(Buffer.from('-hi')),
    );
    const binary = NAMES.map((name) => writeArmor(name, [['Version', '0.2']], writeBase64(Buffer.alloc(100, 7))));
    return [text, ...binary, Buffer.concat([text, Buffer.from('\r\n[...]\n'), ...binary])];
  },

  run(input) {
    for (const name of NAMES) {
      try {
        for (const { headers, body } of readArmor(input, name)) {
          // What was read as text must come back when it is written and read again.
          const text = readText(body);
          const [again] = readArmor(writeArmor(name, headers, writeText(text)), name);
          const expected = text.toString('latin1').replace(/\n?$/, '\n');
          if (again === undefined || readText(again.body).toString('latin1') !== expected) {
            throw new Error('a text changed between writing and reading');
          }
          readBase64(body);
        }
      } catch (error) {
        if (!(error instanceof ParseError)) throw error;
      }
    }
  },
};
