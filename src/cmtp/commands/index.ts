// The command table.   spec: cmtp 4, 9 D5, D13

import { failed, gone } from '../answers.ts';
import type { Said } from '../session.ts';
import { REFERENCE } from '../wire/replies.ts';
import type { Command } from './command.ts';
import { keyrequest } from './keyrequest.ts';
import { login } from './login.ts';
import { mail } from './mail.ts';
import { xauth, xchal } from './xauth.ts';
import { xdelete } from './xdelete.ts';
import { xenrol } from './xenrol.ts';
import { xfetch } from './xfetch.ts';
import { xlist } from './xlist.ts';
import { xrotate } from './xrotate.ts';

/** SUCCESS, or what the reference says instead. */
const says =
  (text: Buffer): Command =>
  (session) =>
    session.dialect === 'seed' ? session.answer('success') : session.send(text);

const ohai = says(REFERENCE.ohai);
const noop = says(REFERENCE.noop);
const goodBye = says(REFERENCE.obai);

const unknown: Command = async () => {
  throw failed('unknown-word');
};

export const commands: { readonly [Word in Exclude<Said, 'nothing'>]: Command } = {
  OHAI: ohai,
  NOOP: noop,
  HELP: async (session) => {
    if (session.dialect === 'seed') throw failed('help'); // not in the seed
    await session.send(REFERENCE.help);
  },
  OBAI: async (session) => {
    await goodBye(session);
    throw gone();
  },
  KEYREQUEST: keyrequest,
  LOGIN: login,
  MAIL: mail,
  XCHAL: xchal,
  XAUTH: xauth,
  XLIST: xlist,
  XFETCH: xfetch,
  XDELETE: xdelete,
  XENROL: xenrol,
  XROTATE: xrotate,
  unknown,
};
