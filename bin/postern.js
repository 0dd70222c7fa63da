#!/usr/bin/env node
// The program's entry.

import { start } from './start.js';

await start('cli/main.js');
