// `postern smallmail`: what the client can do, as one table of commands. What they do lies in `smallmail/`, loaded when run.

import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from '../base/text.ts';
import { SECOND } from '../base/time.ts';
import { gather, offline, online, parseNumber, withOutboxOptions } from './client-options.ts';
import { makeCommand } from './command.ts';

const DEFAULT_SERVER = 'localhost:1995';

export function smallmailCommand(): Command {
  const group = makeCommand('smallmail', 'Write and read SmallMail: make mailboxes, send letters, keep contacts.', [
    'postern smallmail new alice',
    'postern smallmail send bob --from alice --subject hi "See you tomorrow."',
    'postern smallmail list bob',
  ]);
  for (const make of [create, address, send, list, read, fetch, remove, outbox, contacts, servers]) {
    group.addCommand(make());
  }
  return group;
}

const mailboxes = () => import('./smallmail/mailboxes.ts');
const letters = () => import('./smallmail/letters.ts');
const rounds = () => import('./smallmail/rounds.ts');
const people = () => import('./smallmail/contacts.ts');
const places = () => import('./smallmail/servers.ts');

function create(): Command {
  const about = 'Make a mailbox: a key pair here, a place on the server there.';
  return online(makeCommand('new', about, ['postern smallmail new alice', 'postern smallmail new alice --sealed']))
    .argument('<name>', 'what you call the mailbox')
    .option('-s, --server <host:port>', 'where to make it', DEFAULT_SERVER)
    .option('--sealed', 'keep its key under a passphrase')
    .action(async (label, options) => (await mailboxes()).makeMailbox(label, options));
}

function address(): Command {
  const about = 'Show the address of a mailbox and the fingerprint of its key, to be passed on.';
  return offline(makeCommand('address', about, ['postern smallmail address alice --key alice.asc']))
    .argument('<name>', 'the mailbox')
    .option('-k, --key <file>', 'write the public key to a file, to be passed on with the address')
    .option('--pin', "add the server's key, so that nobody can pose as the server")
    .action(async (label, options) => (await mailboxes()).showAddress(label, options));
}

function send(): Command {
  const about =
    'Send a letter. Without a text it is read from standard input, or written in $EDITOR. ' +
    'To other machines it leaves after a random while of up to ten minutes.';
  const examples = [
    'postern smallmail send bob --from alice --subject hi "See you tomorrow."',
    'postern smallmail send bob --from alice --attach photo.jpg < letter.txt',
  ] as const;
  return online(makeCommand('send', about, examples))
    .argument('<recipient>', 'a contact, an address that a contact has, or a mailbox of your own')
    .argument('[text]', 'the letter')
    .option('-f, --from <name>', 'the mailbox that signs it and is to be answered; without it the letter is anonymous')
    .option('-S, --subject <text>', 'what it is about', '')
    .option('-a, --attach <file>', 'a file to go along; may be given again', gather, [])
    .option('--now', 'send at once, though the hour may then tell who wrote')
    .action(async (recipient, text, options) => (await letters()).sendLetter(recipient, text, options));
}

function list(): Command {
  const about = 'Fetch what is new in a mailbox, and list its letters.';
  return online(makeCommand('list', about, ['postern smallmail list bob']))
    .argument('<name>', 'the mailbox')
    .option('--offline', 'list only what was fetched before')
    .action(async (label, options) => (await letters()).listLetters(label, options));
}

function read(): Command {
  return offline(makeCommand('read', 'Show a letter.', ['postern smallmail read bob 1 --save .']))
    .argument('<name>', 'the mailbox')
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('--save <folder>', 'save its attachments there')
    .action(async (label, number, options) => (await letters()).readLetter(label, number, options));
}

function fetch(): Command {
  const about = 'Fetch new letters of all mailboxes, each over a way of its own, and send what waits in the outbox.';
  const examples = ['postern smallmail fetch --delete', 'postern smallmail fetch --every "1 h"'] as const;
  return online(makeCommand('fetch', about, examples))
    .argument('[names...]', 'these mailboxes only')
    .option('--delete', 'delete on the server what is safe here')
    .option('--every <time>', 'stay, and fetch again at random times, so often on average', parseTime)
    .action(async (labels, options) => (await rounds()).fetchLetters(labels, options));
}

function remove(): Command {
  return online(makeCommand('delete', 'Delete a letter, on the server and here.', ['postern smallmail delete bob 1']))
    .argument('<name>', 'the mailbox')
    .argument('<number>', 'the number that list shows', parseNumber)
    .action(async (label, number, options) => (await letters()).removeLetter(label, number, options));
}

function outbox(): Command {
  return withOutboxOptions(
    makeCommand('outbox', 'Show the letters that wait to be sent.', ['postern smallmail outbox']),
  ).action(async (options) => (await letters()).showOutbox(options));
}

function contacts(): Command {
  const group = makeCommand('contacts', "Other people's addresses and keys.", ['postern smallmail contacts list']);
  group.addCommand(
    offline(
      makeCommand('add', 'Keep an address and its key, passed on by hand or with a letter.', [
        'postern smallmail contacts add carol 6A5A7A8A650F0C12961ED8F74278AF1D067C0E57@mail.example --key carol.asc',
        'postern smallmail contacts add carol --letter alice/1',
      ]),
    )
      .argument('<name>', 'what you call the contact')
      .argument('[address]', 'the address; not needed with --letter')
      .option('-k, --key <file>', 'the file with the public key')
      .option('--letter <mailbox/number>', 'take address and key from a letter')
      .action(async (label, text, options) => (await people()).add(label, text, options)),
  );
  group.addCommand(
    offline(makeCommand('list', 'List all contacts.', ['postern smallmail contacts list'])).action(async (options) =>
      (await people()).list(options),
    ),
  );
  group.addCommand(
    offline(
      makeCommand('show', 'Show a contact, the fingerprint to compare, and who vouches for the key.', [
        'postern smallmail contacts show carol',
      ]),
    )
      .argument('<name>', 'the contact')
      .action(async (label, options) => (await people()).show(label, options)),
  );
  group.addCommand(
    offline(
      makeCommand('export', 'Write a key with all signatures on it, to be passed on.', [
        'postern smallmail contacts export carol > carol.asc',
      ]),
    )
      .argument('<name>', 'the contact')
      .action(async (label, options) => (await people()).exportKey(label, options)),
  );
  group.addCommand(
    offline(
      makeCommand('import', 'Take a newer copy of a key that is here: later expiry, more signatures.', [
        'postern smallmail contacts import carol carol.asc',
      ]),
    )
      .argument('<name>', 'the contact')
      .argument('<file>', 'the key, binary or armoured')
      .action(async (label, file, options) => (await people()).importKey(label, file, options)),
  );
  group.addCommand(
    offline(
      makeCommand('sign', 'Vouch for a key whose fingerprint you have compared with its owner.', [
        'postern smallmail contacts sign carol --as alice',
      ]),
    )
      .argument('<name>', 'the contact')
      .requiredOption('--as <mailbox>', 'the mailbox whose key signs')
      .action(async (label, options) => (await people()).sign(label, options)),
  );
  group.addCommand(
    offline(makeCommand('remove', 'Forget a contact.', ['postern smallmail contacts remove carol']))
      .argument('<name>', 'the contact')
      .action(async (label, options) => (await people()).remove(label, options)),
  );
  return group;
}

function servers(): Command {
  const group = makeCommand('servers', 'The servers that were met, and the keys by which they are known.', [
    'postern smallmail servers list',
  ]);
  group.addCommand(
    offline(makeCommand('list', 'List all servers.', ['postern smallmail servers list'])).action(async (options) =>
      (await places()).list(options),
    ),
  );
  const forget = "Forget a server's key and take the next one it shows: only when its owner says that it was changed.";
  group.addCommand(
    offline(makeCommand('forget', forget, ['postern smallmail servers forget mail.example:1995']))
      .argument('<host:port>', 'the server')
      .action(async (place, options) => (await places()).forget(place, options)),
  );
  const old =
    'Trust a server of the old kind: its challenges are bound to no connection, so it could pass on those of another server.';
  group.addCommand(
    offline(makeCommand('old', old, ['postern smallmail servers old mail.example:1995']))
      .argument('<host:port>', 'the server')
      .action(async (place, options) => (await places()).markOld(place, options)),
  );
  return group;
}

function parseTime(text: string): number {
  const time = parseDuration(text);
  if (time === undefined || time < SECOND) throw new InvalidArgumentError('it is a time such as "1 h" or "20 min"');
  return time;
}
