// What the commands of every client share: where they keep things, whether they go out to servers, and kinds of arguments.

import { type Command, InvalidArgumentError } from 'commander';
import { type JsonOption, withJsonOption } from './command.ts';
import { type HomeOption, type ProxyOption, withHomeOption, withProxyOption } from './user-folder.ts';

export type OfflineOptions = JsonOption & HomeOption;

export type OnlineOptions = OfflineOptions & ProxyOption;

/** Options of commands that only work on the client's folder. */
export function offline(command: Command): Command {
  return withHomeOption(withJsonOption(command));
}

/** Options of commands that go out to servers. */
export function online(command: Command): Command {
  return withProxyOption(offline(command));
}

/** Options of the commands that show what waits to be sent. */
export function withOutboxOptions(command: Command): Command {
  return offline(command).option('--drop <id>', 'throw this letter away instead');
}

/** A whole number from 1 on. */
export function parseNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('it is a number such as 1');
  return Number(text);
}

/** Gathers an option that may be given again. */
export function gather(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
