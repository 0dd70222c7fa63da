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

export const counters: readonly AnyCounter[] = [smallmail, cmtp, immp, ima, directory, nym, mix, smtp];
