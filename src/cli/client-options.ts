// What the commands of every client share: the folder that they keep things in, the proxy that they go out through.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Endpoint } from '../net/endpoint.ts';
import { type JsonOption, withJsonOption } from './command.ts';

const OTHERS = 0o077;

export interface OfflineOptions extends JsonOption {
  readonly home?: string;
}

export interface OnlineOptions extends OfflineOptions {
  readonly proxy?: Endpoint;
}

/** Options of commands that only work on the client's folder. */
export function offline(command: Command): Command {
  return withJsonOption(command).option(
    '--home <folder>',
    "the client's folder (default: $POSTERN_HOME, else postern in your data folder)",
  );
}

/** Options of commands that go out to servers. */
export function online(command: Command): Command {
  return offline(command).addOption(
    new Option('--proxy <socks5://host:port>', 'go through this proxy, such as tor, which then also resolves all names')
      .argParser(parseProxy)
      .env('POSTERN_PROXY'),
  );
}

/** Where the client of one counter keeps its things. What this process writes from now on is for its owner alone. */
export function clientFolder({ home }: OfflineOptions, counter: string): string {
  process.umask(OTHERS);
  const { POSTERN_HOME, XDG_DATA_HOME } = process.env;
  const folder = home ?? (POSTERN_HOME || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'postern'));
  return join(resolve(folder), counter);
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

function parseProxy(text: string): Endpoint {
  const [, host = '', port = ''] = /^socks5h?:\/\/(\[[0-9a-f:.]+\]|[a-z0-9._-]+):(\d{1,5})\/?$/i.exec(text) ?? [];
  const number = Number(port);
  if (host === '' || number < 1 || number > 65535) {
    throw new InvalidArgumentError('it looks like socks5://127.0.0.1:9050');
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: number };
}
