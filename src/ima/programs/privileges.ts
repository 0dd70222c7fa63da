// Root's rights end before the first message.   spec: ima 2.6

import { execFileSync } from 'node:child_process';
import { ImaError } from '../errors.ts';

/**
 * Becomes `user` for good, with his groups, when root is what it runs as; otherwise nothing. Root without a user to become is told of.
 * Throws ImaError `usage` when there is no such user.
 */
export function becomeUser(user: string, complain: (text: string) => void = () => {}): void {
  const { getuid, setgroups, setgid, setuid } = process;
  if (getuid?.() !== 0 || !setgroups || !setgid || !setuid) return;
  if (user === '') {
    complain('runs as root, and so does every command that it starts: set `user`');
    return;
  }
  const ask = (what: string) =>
    execFileSync('id', [what, '--', user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  let [group, groups]: [number, number[]] = [0, []];
  try {
    [group, groups] = [Number(ask('-g')), ask('-G').split(' ').map(Number)];
  } catch (cause) {
    throw new ImaError('usage', `there is no user ${user}`, { cause });
  }
  setgroups(groups);
  setgid(group);
  setuid(user);
}
