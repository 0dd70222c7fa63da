// The folder that a person's own programs keep their things in, and the proxy they go through: the same for all of them.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Endpoint } from '../net/endpoint.ts';
import { parseSocksUrl } from '../net/socks-url.ts';

const OTHERS = 0o077;

export interface HomeOption {
  readonly home?: string;
}

/** `--home FOLDER`, for commands of a client. */
export function withHomeOption(command: Command): Command {
  return command.option(
    '--home <folder>',
    "the client's folder (default: $POSTERN_HOME, else postern in your data folder)",
  );
}

/** The folder `room` of the client's. What this process writes from now on is for its owner alone. */
export function userFolder({ home }: HomeOption, room: string): string {
  process.umask(OTHERS);
  const { POSTERN_HOME, XDG_DATA_HOME } = process.env;
  const folder = home ?? (POSTERN_HOME || join(XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'postern'));
  return join(resolve(folder), room);
}

export interface ProxyOption {
  readonly proxy?: Endpoint;
}

/** `--proxy URL`, for commands of a client that go out to servers. */
export function withProxyOption(command: Command): Command {
  return command.addOption(
    new Option('--proxy <socks5://host:port>', 'go through this proxy, such as tor, which then also resolves all names')
      .argParser(parseProxy)
      .env('POSTERN_PROXY'),
  );
}

function parseProxy(text: string): Endpoint {
  const proxy = parseSocksUrl(text);
  if (proxy === undefined) throw new InvalidArgumentError('it looks like socks5://127.0.0.1:9050');
  return proxy;
}
