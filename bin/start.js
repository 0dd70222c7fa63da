// What every entry of the package does: plain JavaScript that any Node can read, so that an old one gets a plain message.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const needed = 24;
const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));

/** Loads a module of the built package and runs it, on a Node that can. */
export async function start(path, run = () => {}) {
  const program = new URL(`../dist/${path}`, import.meta.url);
  if (!existsSync(fileURLToPath(program))) {
    console.error('Postern is not built yet. In its folder, run: npm start');
    process.exitCode = 1;
  } else if (Number(process.versions.node.split('.')[0]) >= needed) {
    keepCompiled();
    await run(await import(program));
  } else if (existsSync(own)) {
    const child = spawn(own, process.argv.slice(1), { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('exit', (status, signal) => process.exit(signal ? 128 + constants.signals[signal] : status));
  } else {
    console.error(`Postern needs Node ${needed} or newer; this is Node ${process.versions.node}.`);
    console.error(
      'Install it from https://nodejs.org, or run `npm start` in a clone of Postern, which brings its own.',
    );
    process.exitCode = 1;
  }
}

/** What Node makes of the modules is kept for the next start: in the user's own folder, as it is code that will be run. */
function keepCompiled() {
  try {
    module.enableCompileCache(join(userInfo().homedir, '.cache', 'postern'));
  } catch {
    // a user whom the system does not know has no folder
  }
}
