// `postern immp account`: what the operator of an office asks its IMMP counter, as a table of commands.

import type { Command } from 'commander';
import { makeCommand, officeCommand, withYesOption } from './command.ts';
import { withNewPasswordOption } from './password.ts';

const operator = () => import('./immp/operator.ts');

export function immpAccountCommand(): Command {
  const group = makeCommand(
    'account',
    'For the operator of an office: its IMMP accounts, shared mailboxes and nodes.',
    ['postern immp account add alice', 'postern immp account share helpdesk --owner alice'],
  );
  const NAME = 'the account; its domain may be left out';
  const commands = [
    officeCommand('list', 'List all accounts and shared mailboxes.', 'postern immp account list').action(
      async (options) => (await operator()).list(options),
    ),
    withNewPasswordOption(officeCommand('add', 'Make an account.', 'postern immp account add alice'))
      .argument('<name>', NAME)
      .option('--quota <size>', 'how much it holds, such as 500 MiB')
      .action(async (name, options) => (await operator()).add(name, options)),
    withNewPasswordOption(
      officeCommand('passwd', 'Give an account a new password.', 'postern immp account passwd alice'),
    )
      .argument('<name>', NAME)
      .action(async (name, options) => (await operator()).passwd(name, options)),
    withYesOption(
      officeCommand(
        'remove',
        'Remove an account or a shared mailbox with all its mail. Asks before it does so.',
        'postern immp account remove alice',
      ),
    )
      .argument('<name>', NAME)
      .action(async (name, options) => (await operator()).remove(name, options)),
    officeCommand('quota', 'Change how much a mailbox holds.', 'postern immp account quota alice "2 GiB"')
      .argument('<name>', NAME)
      .argument('<size>', 'such as 500 MiB')
      .action(async (name, size, options) => (await operator()).quota(name, size, options)),
    officeCommand('link', 'Let an account use another mailbox.', 'postern immp account link alice sales')
      .argument('<name>', NAME)
      .argument('<mailbox>', 'the mailbox that it may use')
      .action(async (name, other, options) => (await operator()).link(name, other, options)),
    officeCommand('unlink', 'End that.', 'postern immp account unlink alice sales')
      .argument('<name>', NAME)
      .argument('<mailbox>', 'the mailbox')
      .action(async (name, other, options) => (await operator()).unlink(name, other, options)),
    officeCommand('share', 'Make a shared mailbox.', 'postern immp account share helpdesk --owner alice')
      .argument('<name>', 'its name')
      .requiredOption('--owner <name>', 'the account that owns it')
      .action(async (name, options) => (await operator()).share(name, options)),
    officeCommand('member', 'Make an account a member of a shared mailbox.', 'postern immp account member helpdesk bob')
      .argument('<mailbox>', 'the shared mailbox')
      .argument('<name>', NAME)
      .option('--as <name>', "the member's name there (default: the account's)")
      .action(async (group, name, options) => (await operator()).addMember(group, name, options)),
    officeCommand('leave', 'End a membership.', 'postern immp account leave helpdesk bob')
      .argument('<mailbox>', 'the shared mailbox')
      .argument('<member>', "the member's name there")
      .action(async (group, member, options) => (await operator()).removeMember(group, member, options)),
    officeCommand(
      'nodes',
      'List all published nodes, and how many are subscribed to each.',
      'postern immp account nodes',
    ).action(async (options) => (await operator()).listNodes(options)),
  ];
  for (const command of commands) group.addCommand(command);
  return group;
}
