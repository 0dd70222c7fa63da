// `postern ima`: what the client can do, and what its operator asks, as one table of commands. What they do lies in `ima/`, loaded when run.

import type { Command } from 'commander';
import { gather, offline, online, parseNumber } from './client-options.ts';
import { makeCommand, officeCommand, withYesOption } from './command.ts';
import { withNewPasswordOption, withPasswordOption } from './password.ts';

export function imaCommand(): Command {
  const group = makeCommand('ima', 'Write and read mail of the Internet Mail Architecture.', [
    'postern ima login alice@example.org',
    'postern ima send bob@example.net --subject hi "See you tomorrow."',
    'postern ima fetch',
  ]);
  for (const make of [login, send, fetch, list, read, save, flag, remove, account, lists]) group.addCommand(make());
  return group;
}

const letters = () => import('./ima/letters.ts');
const operator = () => import('./ima/operator.ts');

function login(): Command {
  const about = 'Say which account is yours. The password is kept in your folder; with a certificate none is needed.';
  return withPasswordOption(online(makeCommand('login', about, ['postern ima login alice@example.org'])))
    .argument('<address>', 'the account')
    .option('--cert <file>', 'PEM file with your own certificate, where that is how you are known')
    .option('--key <file>', 'PEM file with its key')
    .option('--imrp <host:port>', 'where mail is fetched, in place of what the name service says')
    .option('--submission <host:port>', 'where mail is handed in')
    .option('--ca <file>', 'an authority to trust beside those of the system; may be given again', gather, [])
    .option('--only-ca', 'trust no other authority')
    .action(async (address, options) => (await letters()).login(address, options));
}

function send(): Command {
  const about = 'Send a message. Without a text it is read from standard input, or written in $EDITOR.';
  return online(makeCommand('send', about, ['postern ima send bob@example.net --subject hi "See you tomorrow."']))
    .argument('<address>', 'the reader')
    .argument('[text]', 'the message')
    .option('-S, --subject <text>', 'what it is about', '')
    .option('-c, --copy <address>', 'send it to this one as well; may be given again', gather, [])
    .option('-b, --hidden <address>', 'and to this one, whom the others do not see', gather, [])
    .option('-a, --attach <file>', 'a file to go along; may be given again', gather, [])
    .option('-r, --reply <number>', 'it answers the message that list shows under this number', parseNumber)
    .action(async (address, text, options) => (await letters()).sendLetter(address, text, options));
}

function fetch(): Command {
  return online(
    makeCommand('fetch', 'Bring your copy of the mailbox into step with the server.', ['postern ima fetch']),
  )
    .option('--delete', 'delete on the server what was fetched')
    .action(async (options) => (await letters()).fetchMail(options));
}

function list(): Command {
  return offline(makeCommand('list', 'List the messages of a folder.', ['postern ima list', 'postern ima list sent']))
    .argument('[folder]', 'the folder', 'inbox')
    .action(async (folder, options) => (await letters()).listLetters(folder, options));
}

function read(): Command {
  return offline(makeCommand('read', 'Show a message.', ['postern ima read 1']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --folder <folder>', 'the folder', 'inbox')
    .option('--headers', 'show all headers')
    .action(async (number, options) => (await letters()).readLetter(number, options));
}

function save(): Command {
  return offline(makeCommand('save', 'Save what is attached to a message.', ['postern ima save 1 --to attachments']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --folder <folder>', 'the folder', 'inbox')
    .option('--to <folder>', 'where to', '.')
    .action(async (number, options) => (await letters()).saveAttachments(number, options));
}

function flag(): Command {
  const about =
    'Set or clear flags: seen, flagged, answered, draft, deleted-later. The server hears of it at the next fetch.';
  return offline(makeCommand('flag', about, ['postern ima flag 1 flagged', 'postern ima flag 1 seen --clear']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .argument('<flags...>', 'the flags')
    .option('-f, --folder <folder>', 'the folder', 'inbox')
    .option('--clear', 'clear them')
    .action(async (number, flags, options) => (await letters()).flagLetter(number, flags, options));
}

function remove(): Command {
  return online(makeCommand('delete', 'Delete a message, on the server and here.', ['postern ima delete 1']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --folder <folder>', 'the folder', 'inbox')
    .action(async (number, options) => (await letters()).removeLetter(number, options));
}

function account(): Command {
  const group = makeCommand('account', 'For the operator of an office: its IMA accounts.', [
    'postern ima account add alice@example.org',
    'postern ima account list',
  ]);
  group.addCommand(
    withNewPasswordOption(
      officeCommand(
        'add',
        'Make an account. With a key it needs no password.',
        'postern ima account add alice@example.org',
      ),
    )
      .argument('<address>', 'the account')
      .option('--key <digits>', 'the SHA-256 of the key of his certificate; may be given again', gather, [])
      .option('--both', 'password and certificate are needed')
      .option('--keep-sent', 'keep what he sends in his folder `sent`')
      .action(async (address, options) => (await operator()).addAccount(address, options)),
  );
  group.addCommand(
    withNewPasswordOption(
      officeCommand('passwd', 'Give an account a new password.', 'postern ima account passwd alice@example.org'),
    )
      .argument('<address>', 'the account')
      .action(async (address, options) => (await operator()).newPassword(address, options)),
  );
  group.addCommand(
    officeCommand('list', 'List all accounts.', 'postern ima account list').action(async (options) =>
      (await operator()).listAccounts(options),
    ),
  );
  group.addCommand(
    withYesOption(
      officeCommand(
        'remove',
        'Remove an account with all its mail. Asks before it does so.',
        'postern ima account remove alice@example.org',
      ),
    )
      .argument('<address>', 'the account')
      .action(async (address, options) => (await operator()).removeAccount(address, options)),
  );
  return group;
}

function lists(): Command {
  const group = makeCommand('lists', 'For the operator of an office: its mailing lists.', [
    'postern ima lists add club@example.org',
    'postern ima lists subscribe club@example.org bob@example.net',
  ]);
  group.addCommand(
    officeCommand('list', 'List all lists.', 'postern ima lists list').action(async (options) =>
      (await operator()).listLists(options),
    ),
  );
  group.addCommand(
    officeCommand('show', 'Show who has subscribed.', 'postern ima lists show club@example.org')
      .argument('<list>', 'its address')
      .action(async (address, options) => (await operator()).showList(address, options)),
  );
  group.addCommand(
    officeCommand('add', 'Make a list.', 'postern ima lists add club@example.org')
      .argument('<list>', 'its address')
      .option('--anyone', 'let people write to it who have not subscribed')
      .action(async (address, options) => (await operator()).addList(address, options)),
  );
  group.addCommand(
    withYesOption(
      officeCommand(
        'remove',
        'Remove a list with all its subscriptions. Asks before it does so.',
        'postern ima lists remove club@example.org',
      ),
    )
      .argument('<list>', 'its address')
      .action(async (address, options) => (await operator()).removeList(address, options)),
  );
  for (const wish of ['subscribe', 'unsubscribe'] as const) {
    group.addCommand(
      officeCommand(
        wish,
        `${wish === 'subscribe' ? 'Subscribe' : 'Unsubscribe'} somebody without asking him.`,
        `postern ima lists ${wish} club@example.org bob@example.net`,
      )
        .argument('<list>', 'its address')
        .argument('<address>', 'the subscriber')
        .action(async (address, subscriber, options) =>
          (await operator()).changeList(wish, address, subscriber, options),
        ),
    );
  }
  return group;
}
