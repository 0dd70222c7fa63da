// `postern cmtp`: what the client can do, and what its operator asks, as one table of commands. What they do lies in `cmtp/`,
// loaded when run.

import type { Command } from 'commander';
import { gather, offline, online, parseNumber, withOutboxOptions } from './client-options.ts';
import { makeCommand, officeCommand, withYesOption } from './command.ts';
import { queueCommand } from './queue.ts';

export function cmtpCommand(): Command {
  const group = makeCommand('cmtp', 'Write and read CMTP mail: sealed to keys that servers give.', [
    'postern cmtp enrol alice@example.org --token 0f3a…',
    'postern cmtp send bob@example.net --subject hi "See you tomorrow."',
    'postern cmtp list',
  ]);
  for (const make of [login, enrol, send, list, read, save, remove, outbox, key, servers, account])
    group.addCommand(make());
  group.addCommand(queueCommand('cmtp'));
  return group;
}

const keys = () => import('./cmtp/keys.ts');
const letters = () => import('./cmtp/letters.ts');
const places = () => import('./cmtp/servers.ts');
const operator = () => import('./cmtp/operator.ts');

const OWN = 'your account; not needed where you have one only';

function login(): Command {
  const about = 'Bring in an account from its server, with the passphrase that opens its key.';
  const examples = ['postern cmtp login alice@example.org', 'postern cmtp login alice@example.org --no-tls'] as const;
  return withPlaces(online(makeCommand('login', about, examples)))
    .argument('<address>', 'the account')
    .action(async (address, options) => (await keys()).login(address, options));
}

function enrol(): Command {
  const about =
    'Make an account: its key is made here, under a passphrase; the server gets the public key and the sealed one. ' +
    'With an invitation it is made at once; without one a file is written for the operator.';
  const examples = [
    'postern cmtp enrol alice@example.org --token 0f3a…',
    'postern cmtp enrol alice@example.org --card alice.json',
  ] as const;
  return withPlaces(online(makeCommand('enrol', about, examples)))
    .argument('<address>', 'the account')
    .option('-t, --token <token>', 'the invitation')
    .option('--card <file>', 'write a file for the operator: postern cmtp account add FILE')
    .option('--generate', 'let a passphrase be made, and show it')
    .action(async (address, options) => (await keys()).enrol(address, options));
}

function send(): Command {
  const about =
    'Send a message. Without a text it is read from standard input, or written in $EDITOR. While the server is away it waits in the outbox.';
  const examples = [
    'postern cmtp send bob@example.net --subject hi "See you tomorrow."',
    'postern cmtp send bob@example.net --attach photo.jpg --sign < letter.txt',
  ] as const;
  return online(makeCommand('send', about, examples))
    .argument('<address>', 'the reader')
    .argument('[text]', 'the message')
    .option('-f, --from <address>', OWN)
    .option('-S, --subject <text>', 'what it is about', '')
    .option('-c, --copy <address>', 'send it to this one as well; may be given again', gather, [])
    .option('-a, --attach <file>', 'a file to go along; may be given again', gather, [])
    .option('--sign', 'sign it inside: the reader sees that it is yours, and can show that to others')
    .option('--bare', 'nothing but the text, for readers with the old reference client')
    .option('--new-key', "take the reader's key though it is another than before")
    .action(async (address, text, options) => (await letters()).sendLetter(address, text, options));
}

function list(): Command {
  return online(
    makeCommand('list', 'Fetch what is new, send what waits in the outbox, and list all messages.', [
      'postern cmtp list',
    ]),
  )
    .argument('[account]', OWN)
    .option('--offline', 'list only what was fetched before')
    .action(async (address, options) => (await letters()).listLetters(address, options));
}

function read(): Command {
  const about = 'Show a message. Its signature, if it has one, is checked against the key that the server gives.';
  return online(makeCommand('read', about, ['postern cmtp read 1']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --from <address>', OWN)
    .option('--offline', 'do not ask for the key of a signature')
    .option('--log', 'show what servers on the way say that they did')
    .action(async (number, options) => (await letters()).readLetter(number, options));
}

function save(): Command {
  return offline(makeCommand('save', 'Save what is attached to a message.', ['postern cmtp save 1 --to attachments']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --from <address>', OWN)
    .option('--to <folder>', 'where to', '.')
    .action(async (number, options) => (await letters()).saveAttachments(number, options));
}

function remove(): Command {
  return online(makeCommand('delete', 'Delete a message, on the server and here.', ['postern cmtp delete 1']))
    .argument('<number>', 'the number that list shows', parseNumber)
    .option('-f, --from <address>', OWN)
    .action(async (number, options) => (await letters()).removeLetter(number, options));
}

function outbox(): Command {
  return withOutboxOptions(
    makeCommand('outbox', 'Show the messages that wait to be sent.', ['postern cmtp outbox']),
  ).action(async (options) => (await letters()).showOutbox(options));
}

function key(): Command {
  const group = makeCommand('key', "Your account's keys, and those of others.", ['postern cmtp key show']);
  const show = "Show the public key of an account, yours or another's, to compare it with its owner.";
  group.addCommand(
    online(makeCommand('show', show, ['postern cmtp key show bob@example.net']))
      .argument('[address]', 'the account')
      .option('-f, --from <address>', OWN)
      .action(async (address, options) => (await keys()).showKey(address, options)),
  );
  const rotate = 'Take a new key. The one of before goes on opening old mail.';
  group.addCommand(
    online(makeCommand('rotate', rotate, ['postern cmtp key rotate']))
      .argument('[account]', OWN)
      .action(async (address, options) => (await keys()).rotateKey(address, options)),
  );
  const passphrase = 'Put the same key under a new passphrase, here and on the server.';
  group.addCommand(
    online(makeCommand('passphrase', passphrase, ['postern cmtp key passphrase --generate']))
      .argument('[account]', OWN)
      .option('--generate', 'let a passphrase be made, and show it')
      .action(async (address, options) => (await keys()).newPassphrase(address, options)),
  );
  const exported = 'Write the account to a file: its keys stay under their passphrase.';
  group.addCommand(
    offline(makeCommand('export', exported, ['postern cmtp key export alice.json']))
      .argument('<file>', 'a new file')
      .option('-f, --from <address>', OWN)
      .action(async (file, options) => (await keys()).exportKeys(file, options)),
  );
  const imported =
    'Take in an account from such a file, or an old key from a file of the reference server (NAME.xzibit).';
  group.addCommand(
    withPlaces(offline(makeCommand('import', imported, ['postern cmtp key import alice.json'])))
      .argument('<file>', 'the file')
      .option('-f, --from <address>', 'the account that an old key belongs to')
      .action(async (file, options) => (await keys()).importKeys(file, options)),
  );
  return group;
}

function servers(): Command {
  const group = makeCommand('servers', 'The servers that were met, and the keys by which they are known.', [
    'postern cmtp servers list',
  ]);
  group.addCommand(
    offline(makeCommand('list', 'List all servers.', ['postern cmtp servers list'])).action(async (options) =>
      (await places()).list(options),
    ),
  );
  const forget =
    "Forget a server's keys and take the next ones it shows: only when its operator says that they were changed.";
  group.addCommand(
    offline(makeCommand('forget', forget, ['postern cmtp servers forget example.org']))
      .argument('<domain>', 'the domain of the server')
      .action(async (domain, options) => (await places()).forget(domain, options)),
  );
  return group;
}

function account(): Command {
  const group = makeCommand('account', 'For the operator of an office: its CMTP accounts.', [
    'postern cmtp account invite',
    'postern cmtp account list',
  ]);
  group.addCommand(
    officeCommand('list', 'List all accounts.', 'postern cmtp account list').action(async (options) =>
      (await operator()).list(options),
    ),
  );
  const invite = 'Make an invitation, with which one person makes one account.';
  group.addCommand(
    officeCommand('invite', invite, 'postern cmtp account invite alice --days 3')
      .argument('[name]', 'the only name that it is good for')
      .option('--days <number>', 'how long it is good', parseNumber, 7)
      .action(async (name, options) => (await operator()).invite(name, options)),
  );
  group.addCommand(
    officeCommand('add', 'Make an account from a file that its user wrote.', 'postern cmtp account add alice.json')
      .argument('<file>', 'what `postern cmtp enrol ADDRESS --card FILE` wrote')
      .action(async (file, options) => (await operator()).add(file, options)),
  );
  group.addCommand(
    officeCommand('rotate', 'Give an account new keys from such a file.', 'postern cmtp account rotate alice.json')
      .argument('<file>', 'what `postern cmtp key export FILE` wrote')
      .action(async (file, options) => (await operator()).rotate(file, options)),
  );
  group.addCommand(
    withYesOption(
      officeCommand(
        'remove',
        'Remove an account with all its mail. Asks before it does so.',
        'postern cmtp account remove alice',
      ),
    )
      .argument('<name>', 'the account, without its domain')
      .action(async (name, options) => (await operator()).remove(name, options)),
  );
  group.addCommand(
    officeCommand(
      'server-key',
      'Show the key by which others know this server.',
      'postern cmtp account server-key',
    ).action(async (options) => (await operator()).serverKey(options)),
  );
  return group;
}

/** Where an account's server is. */
function withPlaces(command: Command): Command {
  return command
    .option('-s, --server <host:port>', "the server's port in the clear (default: the domain, port 9001)")
    .option('--tls <host:port>', "the server's port over TLS (default: the same host, port 9003)")
    .option('--no-tls', 'the server has none, as old ones: mail can be sent, but not fetched');
}
