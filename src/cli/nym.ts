// `postern nym`: a pseudonym with an ordinary mail address, as one table of commands. What they do lies in `nym/`, loaded when run.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../base/text.ts';
import { gather, online, parseNumber } from './client-options.ts';
import { makeCommand, withYesOption } from './command.ts';

export function nymCommand(): Command {
  const group = makeCommand('nym', 'Have a pseudonym with an ordinary mail address, and stay unknown to its server.', [
    'postern nym create alice@nym.example.org',
    'postern nym receive < mail.txt',
    'postern nym inbox',
  ]);
  const makers = [create, list, inbox, read, send, fetch, remove, policy, rotate, shutdown, surbs, receive, daemon];
  for (const make of makers) group.addCommand(make());
  return group;
}

const names = () => import('./nym/names.ts');
const mail = () => import('./nym/mail.ts');
const upkeep = () => import('./nym/upkeep.ts');

function create(): Command {
  const about = 'Ask for a nym. Answers take hours; the name is yours when `postern nym list` says that it is open.';
  const examples = [
    'postern nym create alice@nym.example.org',
    'postern nym create alice@nym.example.org --or alice.b --or any',
  ] as const;
  return mixing(makeCommand('create', about, examples))
    .argument('<address>', 'the name that you would like, at the domain of a nymserver')
    .option('--or <name>', 'another name, if that one is taken, or "any"; may be given again', gather, [])
    .option('--mbox', 'write to the server by mbox, not by the exit type of nymservers')
    .action(async (address, options) => (await names()).create(address, options));
}

function list(): Command {
  const about = 'List your nyms: how far they are, and what reply blocks and messages are where.';
  return mixing(makeCommand('list', about, ['postern nym list'])).action(async (options) =>
    (await names()).list(options),
  );
}

function inbox(): Command {
  return one(makeCommand('inbox', 'List the mail of a nym.', ['postern nym inbox'])).action(async (options) =>
    (await mail()).inbox(options),
  );
}

function read(): Command {
  return one(makeCommand('read', 'Show a mail, or what is known of it.', ['postern nym read 1']))
    .argument('<number>', 'the number that inbox shows', parseNumber)
    .action(async (number, options) => (await mail()).read(number, options));
}

function send(): Command {
  const about = 'Send a mail from a nym. Its text comes from a file or standard input.';
  return one(makeCommand('send', about, ['postern nym send --to bob@example.org --subject hi --input letter.txt']))
    .requiredOption('-t, --to <address>', 'whom it is for; may be given again', gatherTo)
    .option('-i, --input <file>', 'the text; - for standard input', '-')
    .option('-S, --subject <text>', 'what it is about')
    .option('--from <name>', 'the name beside the address')
    .option('--in-reply-to <number>', 'the mail in the inbox that it answers', parseNumber)
    .action(async (options) => (await mail()).send(options));
}

function fetch(): Command {
  const about = 'Ask the server for mails, or, when none is named, what there is.';
  return one(makeCommand('fetch', about, ['postern nym fetch', 'postern nym fetch 3 4']))
    .argument('[numbers...]', 'as inbox shows them', gatherNumbers)
    .action(async (numbers, options) => (await mail()).fetch(numbers ?? [], options));
}

function remove(): Command {
  return one(makeCommand('delete', 'Delete mails, here and at the server.', ['postern nym delete 1 2']))
    .argument('<numbers...>', 'as inbox shows them', gatherNumbers)
    .action(async (numbers, options) => (await mail()).remove(numbers, options));
}

function policy(): Command {
  const about = 'Show what the server was told about the nym, or change one option of it.';
  const examples = ['postern nym policy', 'postern nym policy SendMsgAfter 60'] as const;
  return one(makeCommand('policy', about, examples))
    .argument('[option]', 'such as SendMsgAfter, HoldUntilAck, Filtering')
    .argument('[value]', 'its new value; - to read it from standard input')
    .action(async (option, value, options) => (await upkeep()).policy(option, value, options));
}

function rotate(): Command {
  const about = 'Take a new encryption key: what the server has stored is then of no use to a thief of the old one.';
  return one(makeCommand('rotate', about, ['postern nym rotate']))
    .option('--identity', 'a new identity key as well')
    .action(async (options) => (await upkeep()).rotate(options));
}

function shutdown(): Command {
  const about =
    'Close a nym for ever, by an anonymous mail with its phrase. Any other mail with that phrase does it, too.';
  const examples = ['postern nym shutdown --show', 'postern nym shutdown --nym alice'] as const;
  return withYesOption(one(makeCommand('shutdown', about, examples)))
    .option('--show', 'only show the phrase and where to send it, to be kept somewhere safe')
    .action(async (options) => (await upkeep()).shutdown(options));
}

function surbs(): Command {
  const about = 'Show the stock of reply blocks that the server has for a nym.';
  return one(makeCommand('surbs', about, ['postern nym surbs'])).action(async (options) =>
    (await upkeep()).surbs(options),
  );
}

function receive(): Command {
  const about = 'Take in mail that remailers delivered to you: whatever is in it for your nyms.';
  return mixing(makeCommand('receive', about, ['postern nym receive < mail.txt', 'postern nym receive mail/*.eml']))
    .argument('[files...]', 'the mail; standard input when none is named')
    .action(async (files, options) => (await upkeep()).receive(files, options));
}

function daemon(): Command {
  const about = 'Look after all your nyms: take in mail, keep up their reply blocks, repeat what was lost.';
  return mixing(makeCommand('daemon', about, ['postern nym daemon --maildir ~/Maildir --every "1 h"']))
    .option('--maildir <folder>', 'a Maildir to look into; may be given again', gather, [])
    .option('--every <time>', 'how often', parseTime, 3_600_000)
    .option('--once', 'one round only')
    .action(async (options) => (await upkeep()).daemon(options));
}

/** Options of commands that work on a nym and send what is due. */
function one(command: Command): Command {
  return mixing(command).option('--nym <name>', 'which of your nyms; not needed where you have one only');
}

function mixing(command: Command): Command {
  return online(command)
    .option('--no-send', 'send nothing now: what is due goes with a later command')
    .option('--passphrase-fd <number>', 'read the passphrase of the key ring here', parseNumber)
    .addOption(
      new Option('-D, --download-directory <yes|no>', 'fetch the list of servers now, or do not').choices([
        'yes',
        'no',
      ]),
    );
}

/** Without a first value, so that the option is missed when it is not there. */
function gatherTo(address: string, before?: readonly string[]): string[] {
  return gather(address, before ?? []);
}

function gatherNumbers(text: string, before: readonly number[] = []): number[] {
  return [...before, parseNumber(text)];
}

function parseTime(text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time < 1000) throw new InvalidArgumentError('it is a time such as "30 min"');
  return time;
}
