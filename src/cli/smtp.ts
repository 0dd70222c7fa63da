// `postern smtp`: what the operator asks of the gateway, as one table of commands. What they do lies in `smtp/`, loaded when run.

import type { Command } from 'commander';
import { makeCommand, officeCommand, withYesOption } from './command.ts';

const operator = () => import('./smtp/operator.ts');

export function smtpCommand(): Command {
  const group = makeCommand('smtp', 'The way of ordinary mail, in and out: for the operator of an office.', [
    'postern smtp queue list',
    'postern smtp dkim',
  ]);
  const dkim = 'Show what the name service has to say, so that others believe mail from here.';
  group.addCommand(
    officeCommand('dkim', dkim, 'postern smtp dkim').action(async (options) => (await operator()).showDkim(options)),
  );
  const test = 'Send a short message through a running office.';
  group.addCommand(
    officeCommand('send-test', test, 'postern smtp send-test you@example.net')
      .argument('<address>', 'the reader')
      .option('-f, --from <address>', 'the sender (default: smtp.postmaster)')
      .action(async (address, options) => (await operator()).sendTest(address, options)),
  );
  for (const make of [queue, suppress]) group.addCommand(make());
  return group;
}

function queue(): Command {
  const group = makeCommand('queue', 'Mail that waits to leave.', ['postern smtp queue list']);
  group.addCommand(
    officeCommand('list', 'List what waits.', 'postern smtp queue list').action(async (options) =>
      (await operator()).listQueue(options),
    ),
  );
  group.addCommand(
    officeCommand('show', 'Show what became of each recipient so far.', 'postern smtp queue show 0f3a…')
      .argument('<id>', 'as list shows it')
      .action(async (id, options) => (await operator()).showMessage(id, options)),
  );
  group.addCommand(
    officeCommand('retry', 'Try one message now, or all of them.', 'postern smtp queue retry')
      .argument('[id]', 'as list shows it')
      .action(async (id, options) => (await operator()).retry(id, options)),
  );
  group.addCommand(
    withYesOption(
      officeCommand(
        'drop',
        'Throw a message away. Its sender is not told. Asks before it does so.',
        'postern smtp queue drop 0f3a…',
      ),
    )
      .argument('<id>', 'as list shows it')
      .action(async (id, options) => (await operator()).drop(id, options)),
  );
  return group;
}

function suppress(): Command {
  const group = makeCommand('suppress', 'Who gets no mail from here, because he asked for that.', [
    'postern smtp suppress add carol@example.net',
    'postern smtp suppress add @example.com',
  ]);
  group.addCommand(
    officeCommand('list', 'List all of them.', 'postern smtp suppress list').action(async (options) =>
      (await operator()).listSuppressed(options),
    ),
  );
  const who = 'an address, or @ and a domain';
  group.addCommand(
    officeCommand('add', 'Send nothing there from now on.', 'postern smtp suppress add carol@example.net')
      .argument('<address>', who)
      .action(async (address, options) => (await operator()).suppress(address, options)),
  );
  group.addCommand(
    officeCommand('remove', 'Send there again.', 'postern smtp suppress remove carol@example.net')
      .argument('<address>', who)
      .action(async (address, options) => (await operator()).allow(address, options)),
  );
  return group;
}
