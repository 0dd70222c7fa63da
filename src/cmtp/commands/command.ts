// What a command's file exports: a function of the session whose next octets are the command's arguments.

import type { Session } from '../session.ts';

export type Command = (session: Session) => Promise<void>;
