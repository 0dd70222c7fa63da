// The program's entry: runs one command line and leaves its status to the process.

import { codeOf } from '../base/errors.ts';
import { runPostern } from './program.ts';

process.stdout.on('error', (error) => {
  if (codeOf(error) === 'EPIPE') process.exit(); // the reader, such as `head`, has seen enough
  throw error;
});
process.exitCode = await runPostern(process.argv.slice(2));
