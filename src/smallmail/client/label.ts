// The names that a person gives to mailboxes and people, which are names of files too.

import { ClientError } from './errors.ts';

const LABEL = /^[a-z0-9][a-z0-9._-]{0,31}$/i;

/** A name that a person gives: letters, digits, `.`, `_`, `-`, at most 32. Throws ClientError `unknown`. */
export function checkLabel(label: string): string {
  if (LABEL.test(label)) return label;
  throw new ClientError('unknown', `"${label.slice(0, 40)}" cannot be a name here`, {
    remedy: 'use 1 to 32 letters, digits, dots, underscores and hyphens',
  });
}
