// What an operator may ask of a counter beside its wire: to make an account, say. The same code answers in an office that runs
// and in one that is closed, whose store is opened for the question alone.

import type { z } from 'zod';
import type { Post } from './post.ts';

/** What a question is answered from, and what mailboxes are moved from and to. */
export interface Desk<Settings> {
  readonly post: Post;
  readonly settings: Settings;
  /** The counter's own folder. */
  readonly folder: string;
  /** The name under which others reach this office. */
  readonly hostname: string;
}

export interface Control<Settings> {
  /** Checks what was asked; whatever it lets through is given to `run`. */
  readonly argument: z.ZodType;
  /** The answer is sent as JSON. Throws PosternError with words for the operator. */
  run(desk: Desk<Settings>, argument: unknown): Promise<unknown>;
}

/** By name: `account.add`. */
export type Controls<Settings> = Readonly<Record<string, Control<Settings>>>;

export function control<Settings, Argument>(
  argument: z.ZodType<Argument>,
  run: (desk: Desk<Settings>, argument: Argument) => Promise<unknown>,
): Control<Settings> {
  return { argument, run: (desk, asked) => run(desk, asked as Argument) };
}
