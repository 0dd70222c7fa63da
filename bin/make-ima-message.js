#!/usr/bin/env node
// make-ima-message, a program of the IMA suite.

import { start } from './start.js';

await start('ima/programs/run.js', ({ runProcess }) => runProcess('make-ima-message'));
