// What a command's file exports: a function of the parsed line and the session that it came in on.

import type { Session } from '../session.ts';
import type { ClientLine, ClientWord } from '../wire.ts';

export type CommandOf<Word extends ClientWord> = (
  line: Extract<ClientLine, { word: Word }>,
  session: Session,
) => Promise<void>;
