// What the operator of a nymserver may ask: to look, whether the office runs or not, and to decide, while it runs.

import { z } from 'zod';
import { type Controls, control } from '../../post/control.ts';
import type { Post } from '../../post/post.ts';
import type { Nymserver } from './nymserver.ts';
import { approve, closeByOperator, describeNym, listNyms, nymStats, refuse } from './operator.ts';
import type { NymSettings } from './settings.ts';
import { SurbStock } from './surb-stock.ts';
import { Vault } from './vault.ts';

const ofNym = z.strictObject({ nym: z.string().max(64) });

const lookingAt = (post: Post) => ({ vault: new Vault(post), stock: new SurbStock(post) });

export const controls: Controls<NymSettings> = {
  list: control(z.strictObject({ after: z.string().max(64).default('') }), ({ post }, { after }) =>
    listNyms(lookingAt(post), after),
  ),
  show: control(ofNym, ({ post }, { nym }) => describeNym(lookingAt(post), nym)),
  stats: control(z.strictObject({}), ({ post }) => nymStats(lookingAt(post))),
};

/** Those that may send a last or first word to a nymholder. */
export function openControls(nymserver: Nymserver): Controls<NymSettings> {
  const deciding = (decide: typeof approve) =>
    control(ofNym, async (_, { nym }) => {
      await decide(nymserver.desk, nym);
      return { nym };
    });
  return { close: deciding(closeByOperator), approve: deciding(approve), refuse: deciding(refuse) };
}
