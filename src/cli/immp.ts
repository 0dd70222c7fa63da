// `postern immp`: what the client can do, as one table of commands. What they do lies in `immp/`,
// loaded when run.

import { type Command, Option } from 'commander';
import { gather, offline, online, parseNumber } from './client-options.ts';
import { makeCommand, withYesOption } from './command.ts';
import { immpAccountCommand } from './immp-account.ts';
import { immpServerKeyCommand } from './immp-server-key.ts';
import { withNewPasswordOption, withPasswordOption } from './password.ts';
import { queueCommand } from './queue.ts';

export function immpCommand(): Command {
  const group = makeCommand('immp', 'Mail, storage, push and publish/subscribe over IMMP.', [
    'postern immp login alice@example.org',
    'postern immp send bob@example.net --subject hi "See you tomorrow."',
    'postern immp watch',
  ]);
  const all = [
    login,
    logout,
    password,
    send,
    sendDraft,
    check,
    index,
    read,
    save,
    fetch,
    watch,
    folders,
    move,
    copy,
    flag,
    remove,
    subscribe,
    subscriptions,
    unsubscribe,
    publish,
    node,
    push,
    set,
    key,
    open,
    servers,
    immpAccountCommand,
    immpServerKeyCommand,
    () => queueCommand('immp'),
  ];
  for (const make of all) group.addCommand(make());
  return group;
}

const accounts = () => import('./immp/accounts.ts');
const sending = () => import('./immp/sending.ts');
const drafts = () => import('./immp/drafts.ts');
const reading = () => import('./immp/reading.ts');
const changing = () => import('./immp/changing.ts');
const watching = () => import('./immp/watching.ts');
const nodes = () => import('./immp/nodes.ts');
const links = () => import('./immp/links.ts');

const MESSAGE = 'what index shows, a whole UUID, or a path such as /inbox/Lists#UUID';

/** A command that works as an account. */
function user(name: string, about: string, examples: readonly [string, ...string[]]): Command {
  return online(makeCommand(name, about, examples)).option(
    '-A, --account <imid>',
    'your account; not needed where you have one only',
  );
}

/** A command on a mailbox, which may be another than the account's own. */
function mailbox(name: string, about: string, examples: readonly [string, ...string[]]): Command {
  return user(name, about, examples).option(
    '-m, --mailbox <imid>',
    'a shared or linked mailbox, such as helpdesk@example.org',
  );
}

function login(): Command {
  const about =
    'Log in to an account, and keep what logs in again. The server is known by its key from then on. ' +
    'The password is not kept.';
  return withPasswordOption(
    online(
      makeCommand('login', about, [
        'postern immp login alice@example.org',
        'postern immp login alice@example.org --server mail.example.org:1025',
      ]),
    ),
  )
    .argument('<imid>', 'the account')
    .option('-s, --server <host:port>', 'where its server is (default: what the name service says, else port 1025)')
    .option('--device <name>', 'what this device is called in the list of sessions')
    .option('--allow-k1', 'let a server of 2013 have the key that it knows, which it could use itself')
    .action(async (imid, options) => (await accounts()).login(imid, options));
}

function logout(): Command {
  return offline(makeCommand('logout', 'Forget an account here.', ['postern immp logout alice@example.org']))
    .argument('<imid>', 'the account')
    .action(async (imid, options) => (await accounts()).logout(imid, options));
}

function password(): Command {
  const about = 'Set a new password. The server gets what is derived from it, never the password.';
  return withNewPasswordOption(user('password', about, ['postern immp password'])).action(async (options) =>
    (await accounts()).newPassword(options),
  );
}

function send(): Command {
  const about = 'Send a message. Without a text it is read from standard input, or written in $EDITOR.';
  return user('send', about, [
    'postern immp send bob@example.net --subject hi "See you tomorrow."',
    'postern immp send bob@example.net carol@example.net --attach photo.jpg < letter.txt',
    'postern immp send press@example.net --anonymous --secure < letter.txt',
  ])
    .argument('<imid...>', 'the readers; a text behind them is the message')
    .option('-t, --text <text>', 'the message')
    .option('-S, --subject <text>', 'what it is about')
    .option('-a, --attach <file>', 'a file to go along; may be given again', gather, [])
    .option('--html <file>', 'the same message as HTML')
    .option('--markdown', 'the text is Markdown')
    .option('-f, --from <imid>', 'send as this mailbox or node of yours')
    .option('--anonymous', 'do not name yourself: your domain alone vouches for the message')
    .option('--secure', 'only over connections whose key is the known one, on every hop')
    .addOption(
      new Option('--importance <how>', 'how important it is').choices(['important', 'normal', 'low']).default('normal'),
    )
    .option('--reply-to <message>', 'the message that this one answers')
    .option('--keep', 'keep a copy in SENT')
    .option('--draft', 'put it into DRAFTS instead')
    .action(async (readers, options) => (await sending()).send(readers, options));
}

function sendDraft(): Command {
  const about = 'Send what waits in DRAFTS (send --draft) to its readers, and take it away there.';
  return user('send-draft', about, ['postern immp send-draft 5f0b9c2e'])
    .argument('<message>', 'what `index drafts` shows, or a whole UUID')
    .option('--anonymous', 'do not name yourself: your domain alone vouches for the message')
    .option('--secure', 'only over connections whose key is the known one, on every hop')
    .action(async (message, options) => (await drafts()).sendDraft(message, options));
}

function check(): Command {
  return mailbox('check', 'How many messages lie where, and how many are unread.', ['postern immp check'])
    .argument('[folder]', 'the folder; everything when none is named')
    .action(async (folder, options) => (await reading()).check(folder, options));
}

function index(): Command {
  return mailbox('index', 'List messages, the newest last.', [
    'postern immp index',
    'postern immp index inbox/Lists --unread',
  ])
    .alias('list')
    .argument('[folder]', 'the folder', 'inbox')
    .option('-u, --unread', 'unread ones alone')
    .addOption(
      new Option('--filter <filter>', 'one kind alone').choices(['unread', 'read', 'important', 'flagged', 'pending']),
    )
    .option('-n, --limit <number>', 'how many', parseNumber, 50)
    .option('--offset <number>', 'leave out so many of the newest', parseNumber)
    .action(async (folder, options) => (await reading()).index(folder, options));
}

function inFolder(command: Command): Command {
  return command.option('-d, --folder <folder>', 'the folder that it lies in', 'inbox');
}

function read(): Command {
  return inFolder(mailbox('read', 'Show a message.', ['postern immp read 5f0b9c2e']))
    .argument('<message>', MESSAGE)
    .option('--unread', 'leave it unread')
    .action(async (message, options) => (await reading()).read(message, options));
}

function save(): Command {
  return inFolder(mailbox('save', 'Save what is attached to a message.', ['postern immp save 5f0b9c2e --to files']))
    .argument('<message>', MESSAGE)
    .argument('[part...]', 'names or numbers of parts; all that are attached when none is named')
    .option('--to <folder>', 'where to', '.')
    .option('--mail', 'the whole message as one file of mail (MIME)')
    .action(async (message, parts, options) => (await reading()).save(message, parts, options));
}

function fetch(): Command {
  const about =
    'Fetch all messages of a folder as files and delete them on the server, as with POP3. ' +
    'A message is deleted when its file is on the disk.';
  return mailbox('fetch', about, ['postern immp fetch --to mail', 'postern immp fetch inbox/Receipts --to mail --keep'])
    .argument('[folder]', 'the folder', 'inbox')
    .requiredOption('--to <folder>', 'where to')
    .option('--keep', 'leave them on the server')
    .action(async (folder, options) => (await reading()).fetchAll(folder, options));
}

function watch(): Command {
  const about = 'Show what arrives, as it arrives, until interrupted.';
  return mailbox('watch', about, ['postern immp watch', 'postern immp watch inbox push --notify notify-send'])
    .argument('[folder...]', 'the folders', ['inbox', 'push'])
    .option('--notify <command>', 'run this for each arrival, with a title and a text, such as notify-send')
    .option('--count <number>', 'end after so many', parseNumber)
    .action(async (names, options) => (await watching()).watch(names, options));
}

function folders(): Command {
  const group = makeCommand('folders', 'The folders of a mailbox.', ['postern immp folders list']);
  group.addCommand(
    mailbox('list', 'List all folders.', ['postern immp folders list']).action(async (options) =>
      (await reading()).check(undefined, options),
    ),
  );
  group.addCommand(
    mailbox('create', 'Make a folder.', ['postern immp folders create inbox/Lists'])
      .argument('<folder>', 'its path')
      .action(async (folder, options) => (await changing()).createFolder(folder, options)),
  );
  group.addCommand(
    mailbox('remove', 'Remove a folder that is empty.', ['postern immp folders remove inbox/Lists'])
      .argument('<folder>', 'its path')
      .action(async (folder, options) => (await changing()).removeFolder(folder, options)),
  );
  return group;
}

function move(): Command {
  return inFolder(mailbox('move', 'Move messages to another folder.', ['postern immp move 5f0b9c2e inbox/Receipts']))
    .argument('<message>', `${MESSAGE}, or "*" for all of the folder`)
    .argument('<folder>', 'where to')
    .action(async (message, folder, options) => (await changing()).move(message, folder, options));
}

function copy(): Command {
  return inFolder(mailbox('copy', 'Copy messages to another folder.', ['postern immp copy 5f0b9c2e inbox/Receipts']))
    .argument('<message>', `${MESSAGE}, or "*" for all of the folder`)
    .argument('<folder>', 'where to')
    .action(async (message, folder, options) => (await changing()).copy(message, folder, options));
}

function flag(): Command {
  return inFolder(
    mailbox('flag', 'Change flags of messages: read, flagged, important, low, answered; spam moves to JUNK.', [
      'postern immp flag 5f0b9c2e --set flagged',
      'postern immp flag "*" --set read',
      'postern immp flag 5f0b9c2e --set spam --block',
    ]),
  )
    .argument('<message>', `${MESSAGE}, or "*" for all of the folder`)
    .option('--set <flag>', 'a flag to be set; may be given again', gather, [])
    .option('--clear <flag>', 'a flag to be cleared; may be given again', gather, [])
    .option('--block', 'with --set spam: take nothing more from the sender, without asking')
    .action(async (message, options) => (await changing()).flag(message, options));
}

function remove(): Command {
  const about = 'Delete messages on the server. Asks before it deletes all of a folder.';
  return withYesOption(inFolder(mailbox('delete', about, ['postern immp delete 5f0b9c2e'])))
    .argument('<message>', `${MESSAGE}, or "*" for all of the folder`)
    .action(async (message, options) => (await changing()).remove(message, options));
}

function subscribe(): Command {
  const about = 'Subscribe to a published node or a mailing list.';
  return user('subscribe', about, ['postern immp subscribe newsletter/updates@website.com'])
    .argument('<node>', 'the node')
    .option('--folder <name>', 'the folder of yours that its messages go into')
    .action(async (name, options) => (await nodes()).subscribe(name, options));
}

function subscriptions(): Command {
  return user('subscriptions', 'List your subscriptions.', ['postern immp subscriptions']).action(async (options) =>
    (await nodes()).list(options),
  );
}

function unsubscribe(): Command {
  return user('unsubscribe', 'End a subscription.', ['postern immp unsubscribe newsletter/updates@website.com'])
    .argument('<node>', 'the node, or the UUID that subscriptions shows')
    .action(async (what, options) => (await nodes()).unsubscribe(what, options));
}

function publish(): Command {
  const about = 'Publish to a node of yours. Without a text it is read from standard input.';
  return withText(user('publish', about, ['postern immp publish alice/news@example.org "We moved."']))
    .argument('<node>', 'the node')
    .argument('[text]', 'what is published')
    .option('--create', 'make the node when it is not there')
    .action(async (name, text, options) => (await nodes()).publish(name, text, options));
}

function node(): Command {
  const group = makeCommand('node', 'The nodes that you publish.', [
    'postern immp node create alice/news@example.org "News of Alice"',
  ]);
  group.addCommand(
    user('create', 'Make a node, or give it another title.', [
      'postern immp node create alice/news@example.org "News of Alice"',
    ])
      .argument('<node>', 'the node')
      .argument('<title>', 'what subscribers see')
      .action(async (name, title, options) => (await nodes()).createNode(name, title, options)),
  );
  group.addCommand(
    withYesOption(
      user('remove', 'Remove a node with all its subscriptions. Asks before it does so.', [
        'postern immp node remove alice/news@example.org',
      ]),
    )
      .argument('<node>', 'the node')
      .action(async (name, options) => (await nodes()).removeNode(name, options)),
  );
  return group;
}

function push(): Command {
  const about = 'Send a notification, which goes past the inbox. Without a text it is read from standard input.';
  return withText(
    user('push', about, ['postern immp push bob@example.net --from nas/alarms@example.org "Disk 3 has failed."']),
  )
    .argument('<imid>', 'who gets it')
    .argument('[text]', 'what it says')
    .requiredOption('-f, --from <node>', 'a node of yours')
    .option('--id <uuid>', 'the subscription that it is for')
    .option('--action <label=url>', 'something to click on; may be given again', gather, [])
    .option('--secure', 'only over connections whose key is the known one')
    .action(async (imid, text, options) => (await nodes()).push(imid, text, options));
}

function withText(command: Command): Command {
  return command
    .option('-T, --title <text>', 'a title')
    .option('--markdown', 'the text is Markdown')
    .addOption(
      new Option('--importance <how>', 'how important it is').choices(['important', 'normal', 'low']).default('normal'),
    );
}

function set(): Command {
  const about =
    "Show or change the account's settings: TITLE, FORWARD, BLOCK, APPROVE, POSTERS, PUBKEY, SHOW; QUOTA and USED are shown.";
  return user('set', about, [
    'postern immp set',
    'postern immp set title=Alice',
    'postern immp set block+=@spam.example',
  ])
    .argument('[setting]', 'NAME, NAME=value, or for lists NAME+=value and NAME-=value')
    .option('--pubkey-file <file>', 'take the OpenPGP key in this file for PUBKEY')
    .action(async (setting, options) => (await accounts()).set(setting, options));
}

function key(): Command {
  return user('key', 'Show the OpenPGP key of a domain or an account.', ['postern immp key example.net'])
    .argument('<domain or imid>', 'whose')
    .action(async (of, options) => (await nodes()).key(of, options));
}

function open(): Command {
  const about =
    'Follow a link: subscribe to what impp://newsletter/updates@website.com?subscribe names, write to ' +
    'impp://alice@example.org?compose, or show a message of yours. Asks before it does anything.';
  return withYesOption(user('open', about, ['postern immp open "impp://newsletter/updates@website.com?subscribe"']))
    .argument('<uri>', 'the link')
    .action(async (uri, options) => (await links()).open(uri, options));
}

function servers(): Command {
  const group = makeCommand('servers', 'The servers that were met, and the keys by which they are known.', [
    'postern immp servers list',
  ]);
  group.addCommand(
    offline(makeCommand('list', 'List all servers.', ['postern immp servers list'])).action(async (options) =>
      (await accounts()).listServers(options),
    ),
  );
  const forget =
    "Forget a server's key and take the next one it shows: only when its operator says that it was changed.";
  group.addCommand(
    offline(makeCommand('forget', forget, ['postern immp servers forget example.org']))
      .argument('<domain>', 'the domain of the server')
      .action(async (domain, options) => (await accounts()).forgetServer(domain, options)),
  );
  return group;
}
