#!/usr/bin/env node
// server-post-office, a program of the IMA suite.

import { start } from './start.js';

await start('ima/programs/run.js', ({ runProcess }) => runProcess('server-post-office'));
