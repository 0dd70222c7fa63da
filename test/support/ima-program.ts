// Runs one of the IMA programs from its source: `node ima-program.ts NAME ARGUMENTS…`.

import { type RunnableName, runProcess } from '../../src/ima/programs/run.ts';

const [name, ...args] = process.argv.slice(2);
await runProcess(name as RunnableName, args);
