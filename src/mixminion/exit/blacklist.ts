// The addresses to which this exit sends nothing: the way to opt out of anonymous mail.   spec: mixminion-server 4.2
//
//   deny address|user|onehost|allhosts|pattern VALUE

import { ExitError } from './errors.ts';

const MAX_LINES = 100_000;
const MAX_LINE = 1000;

export interface Blacklist {
  /** Whether mail to `user@host` is unwanted. */
  denies(address: string): boolean;
}

/** Reads the rules; `#` begins a comment line. Throws ExitError `exit-line`, naming the line. */
export function parseBlacklist(text: string): Blacklist {
  const lines = text.split('\n');
  if (lines.length > MAX_LINES) throw new ExitError('exit-line', `a blacklist has up to ${MAX_LINES} lines`);
  const rules = {
    address: new Set<string>(),
    user: new Set<string>(),
    onehost: new Set<string>(),
    allhosts: new Set<string>(),
  };
  const patterns: RegExp[] = [];
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, kind = '', value = ''] = /^deny ([a-z]+) (\S.*)$/i.exec(line) ?? [];
    const type = kind.toLowerCase();
    if (line.length > MAX_LINE || kind === '') throw wrong(index, 'this is no rule');
    if (type === 'pattern') patterns.push(pattern(value, index));
    else if (isSimple(type)) rules[type].add(value.toLowerCase());
    else throw wrong(index, 'rules are of address, user, onehost, allhosts or pattern');
  }
  return {
    denies(address) {
      const lower = address.toLowerCase();
      const at = lower.lastIndexOf('@');
      const [user, host] = [lower.slice(0, at), lower.slice(at + 1)];
      return (
        rules.address.has(lower) ||
        rules.user.has(user) ||
        rules.onehost.has(host) ||
        withParents(host).some((domain) => rules.allhosts.has(domain)) ||
        patterns.some((found) => found.test(address))
      );
    },
  };
}

type Simple = 'address' | 'user' | 'onehost' | 'allhosts';

function isSimple(type: string): type is Simple {
  return type === 'address' || type === 'user' || type === 'onehost' || type === 'allhosts';
}

function pattern(value: string, index: number): RegExp {
  const [, source] = /^\/(.+)\/$/.exec(value) ?? [];
  if (source === undefined) throw wrong(index, 'a pattern stands between slashes');
  try {
    return new RegExp(source, 'i');
  } catch {
    throw wrong(index, 'this is no regular expression');
  }
}

/** The host, and every domain that it lies in. */
function withParents(host: string): string[] {
  const labels = host.split('.');
  return labels.map((_, depth) => labels.slice(depth).join('.'));
}

function wrong(index: number, why: string): ExitError {
  return new ExitError('exit-line', `line ${index + 1} of the blacklist: ${why}`, {
    remedy:
      'write, for example, "deny address user@example.org", "deny allhosts example.org" or "deny pattern /regex/"',
  });
}
