#!/usr/bin/env node
// server-give-recipient, a program of the IMA suite.

import { start } from './start.js';

await start('ima/programs/run.js', ({ runProcess }) => runProcess('server-give-recipient'));
