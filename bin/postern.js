#!/usr/bin/env node
// The program's entry.

import { start } from './start.js';

// While the program is loaded nothing is read yet that a SIGHUP could be about; left alone, it would end an office that just starts.
if (process.argv[2] === 'serve') process.on('SIGHUP', () => {});

await start('cli/main.js');
