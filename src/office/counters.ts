// The one list of counters. A new one is a line here.

import { cmtp } from '../cmtp/counter.ts';
import { ima } from '../ima/counter.ts';
import { immp } from '../immp/counter.ts';
import { directory } from '../mixminion/authority/counter.ts';
import { mix } from '../mixminion/node/counter.ts';
import { nym } from '../nym/counter.ts';
import { smallmail } from '../smallmail/counter.ts';
import { smtp } from '../smtp/counter.ts';
import type { AnyCounter } from './settings.ts';

/** Its chapter is played in a whole network, which stands above it. */
const mixWithChapter: typeof mix = {
  ...mix,
  chapter: () => import('../mixminion/testnet/chapter.ts').then(({ chapter }) => chapter),
};

export const counters: readonly AnyCounter[] = [smallmail, cmtp, immp, ima, directory, nym, mixWithChapter, smtp];
