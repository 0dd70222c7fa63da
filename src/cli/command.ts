// What all commands share: how one is made (always with an example), the option that names the data folder, and `--json`.

import { Command } from 'commander';
import { PosternError } from '../base/errors.ts';

const DATA_FOLDER = './postern-data';

/** A mistake in how the command was called: the program ends with status 2. */
export class UsageError extends PosternError {
  constructor(message: string, remedy?: string) {
    super('usage', message, remedy === undefined ? {} : { remedy });
  }
}

/** The command has said itself what is wrong: the program ends with status 1 and no further word. */
export class AlreadySaid extends PosternError {
  constructor() {
    super('already-said', 'see above');
  }
}

/** A command with its help text; each example is a whole command line, shown as it would be typed. */
export function makeCommand(name: string, about: string, examples: readonly [string, ...string[]]): Command {
  const heading = examples.length === 1 ? 'Example:' : 'Examples:';
  return new Command(name)
    .description(about)
    .addHelpText('after', `\n${heading}\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}

export interface DataOption {
  readonly data: string;
}

/** `--data FOLDER`, for commands that work on an office's own folder. */
export function withDataOption(command: Command): Command {
  return command.option('-d, --data <folder>', "the office's data folder", DATA_FOLDER);
}

export interface YesOption {
  readonly yes?: boolean;
}

export interface JsonOption {
  readonly json?: boolean;
}

/** `--yes`, for commands that ask before they do what cannot be undone; see `agreed`. */
export function withYesOption(command: Command): Command {
  return command.option('-y, --yes', 'do not ask');
}

/** `--json`, for commands whose answer scripts want. */
export function withJsonOption(command: Command): Command {
  return command.option('--json', 'answer with one JSON document');
}

export type OfficeOptions = DataOption & JsonOption;

/** A command about an office, by its data folder: `--data` and `--json`. */
export function officeCommand(name: string, about: string, ...examples: readonly [string, ...string[]]): Command {
  return withJsonOption(withDataOption(makeCommand(name, about, examples)));
}
