#!/usr/bin/env node
// fetch-mail, a program of the IMA suite.

import { start } from './start.js';

await start('ima/programs/run.js', ({ runProcess }) => runProcess('fetch-mail'));
