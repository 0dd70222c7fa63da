// What a command's file exports: a function of the parsed command and of where its answers go.

import type { Answers } from '../session.ts';
import type { CommandOf, Word } from '../wire/forms.ts';

export type Handler<W extends Word> = (command: CommandOf<W>, answers: Answers) => Promise<void>;
