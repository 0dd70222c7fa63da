// `postern mix`: sending and reading by way of Type III remailers, as one table of commands. What they do lies in `mix/`,
// loaded when run. The names of the old program's commands are understood, too.   spec: mixminion-server 9.1

import { type Command, InvalidArgumentError, Option } from 'commander';
import { makeCommand, withJsonOption } from './command.ts';
import { withHomeOption, withProxyOption } from './user-folder.ts';

const MAX_NUMBER = 1_000_000;
/** Beyond it a network of one process loses its breath: a mix every fifth of a second. */
const MAX_SPEED = 600;

export function mixCommand(): Command {
  const group = makeCommand('mix', 'Send and read anonymous mail by way of Type III remailers.', [
    'postern mix send --to alice@example.net --subject hi --input letter.txt',
    'postern mix surb new --to me@example.org --count 3 --output blocks.txt',
    'postern mix decode --input mail.txt',
  ]);
  for (const make of [send, queue, flush, clean, count, decode]) group.addCommand(make());
  group.addCommand(
    makeCommand('surb', 'Single-use reply blocks: who has one can answer once, and does not learn where.', [
      'postern mix surb new --to me@example.org --output blocks.txt',
    ])
      .addCommand(newSurbs('new'))
      .addCommand(inspectSurbs('inspect')),
  );
  group.addCommand(
    makeCommand('fragments', 'Long messages that come in several mails.', ['postern mix fragments list'])
      .addCommand(listFragments('list'))
      .addCommand(assemble('assemble'))
      .addCommand(purge('purge')),
  );
  for (const make of [servers, update, importServers, ping, paths, testnet]) group.addCommand(make());
  const old = [
    showQueue('inspect-queue'),
    clean('clean-queue'),
    count('count-packets'),
    newSurbs('generate-surb').alias('generate-surbs'),
    inspectSurbs('inspect-surb').alias('inspect-surbs'),
    listFragments('list-fragments'),
    assemble('reassemble'),
    purge('purge-fragments'),
    servers('list-servers'),
    update('update-servers'),
    importServers('import-server'),
  ];
  for (const command of old) group.addCommand(command, { hidden: true });
  return group;
}

const sending = () => import('./mix/sending.ts');
const blocks = () => import('./mix/surbs.ts');
const reading = () => import('./mix/reading.ts');
const network = () => import('./mix/network.ts');

function send(): Command {
  const about =
    'Send a message, to an address or through reply blocks. What cannot be handed in now stays in the queue.';
  const command = makeCommand('send', about, [
    'postern mix send --to alice@example.net --input letter.txt',
    'postern mix send --to mbox:bob@Amber --path "Birch,?:*2,Amber" < letter.txt',
    'postern mix send --reply-block blocks.txt --input answer.txt',
  ]);
  return message(online(command))
    .option('--queue', 'only put it into the queue')
    .option('--no-queue', 'never put it there: what cannot be handed in is lost')
    .action(async (options) => (await sending()).sendMessage(options));
}

function queue(): Command {
  const about = 'Show what waits to be sent; with a recipient, put a message there.';
  const command = makeCommand('queue', about, [
    'postern mix queue',
    'postern mix queue --to alice@example.net --input letter.txt',
  ]);
  return message(online(command)).action(async (options) => (await sending()).queue(options));
}

function showQueue(name: string): Command {
  return offline(makeCommand(name, 'Show what waits to be sent.', [`postern mix ${name}`])).action(async (options) =>
    (await sending()).showQueue(options),
  );
}

function flush(): Command {
  const about = 'Send what waits in the queue: all of it, or what these servers are to get first.';
  return online(makeCommand('flush', about, ['postern mix flush', 'postern mix flush Amber --count 10']))
    .argument('[servers...]', 'their names, or host names')
    .option('-n, --count <number>', 'no more packets than this, chosen at random', parseCount)
    .action(async (names, options) => (await sending()).flush(names, options));
}

function clean(name = 'clean'): Command {
  const about = 'Remove from the queue what has waited too long: servers change their keys, and then lose it.';
  return offline(makeCommand(name, about, [`postern mix ${name} --days 30`]))
    .argument('[servers...]', 'only what these were to get first')
    .option('-d, --days <number>', 'how long is too long', parseDays, 60)
    .action(async (names, options) => (await sending()).clean(names, options));
}

function count(name = 'count'): Command {
  const about = 'Tell how many packets a message needs, and so how many reply blocks an answer of that length.';
  return headers(offline(makeCommand(name, about, [`postern mix ${name} --to alice@example.net --input letter.txt`])))
    .option('-t, --to <address>', 'whom it is for')
    .option('-R, --reply', 'it goes through reply blocks')
    .option('-i, --input <file>', 'the message; - for standard input', '-')
    .option('--deliver-fragments', 'the recipient puts its parts together, not the last server')
    .action(async (options) => (await sending()).count(options));
}

function decode(): Command {
  const about = 'Read the anonymous messages in a mail. Parts of long ones are kept until all have come.';
  return passphrase(output(offline(makeCommand('decode', about, ['postern mix decode --input mail.txt']))))
    .option('-i, --input <file>', 'the mail; - for standard input', '-')
    .option('--raw', 'leave the mail headers in front of replies, as the old program does')
    .option('-F, --force', 'read what would inflate far beyond its size, and show anything on a terminal')
    .action(async (options) => (await reading()).decode(options));
}

function newSurbs(name: string): Command {
  const shown = name === 'new' ? 'surb new' : name;
  const about = 'Make reply blocks, to be given to those who are to answer.';
  const examples = [`postern mix ${shown} --to me@example.org --count 3 --output blocks.txt`] as const;
  return passphrase(output(online(makeCommand(name, about, examples))))
    .option('-t, --to <address>', 'where the answers are to be delivered; address under [surbs] when not given')
    .option('-P, --path <path>', 'the servers inside it, such as "*3"')
    .option('-n, --count <number>', 'how many', parseCount, 1)
    .option('-b, --binary', 'write octets instead of text')
    .option('--identity <name>', 'which of your names the answers are for; they cannot be told to belong together')
    .option('--lifetime <days>', 'how long they can be used', parseDays)
    .action(async (options) => (await blocks()).makeSurbs(options));
}

function inspectSurbs(name: string): Command {
  const shown = name === 'inspect' ? 'surb inspect' : name;
  return offline(
    makeCommand(name, 'Look at reply blocks: whether they can still be used.', [`postern mix ${shown} blocks.txt`]),
  )
    .argument('<files...>', 'files of reply blocks; - for standard input')
    .action(async (files, options) => (await blocks()).inspectSurbs(files, options));
}

function listFragments(name: string): Command {
  const shown = name === 'list' ? 'fragments list' : name;
  return offline(makeCommand(name, 'List the messages of which parts have come.', [`postern mix ${shown}`])).action(
    async (options) => (await reading()).listFragments(options),
  );
}

function assemble(name: string): Command {
  const shown = name === 'assemble' ? 'fragments assemble' : name;
  return output(
    offline(makeCommand(name, 'Put long messages together and write them.', [`postern mix ${shown} 2Z5pEg3vUBCh`])),
  )
    .argument('<ids...>', 'as they are listed')
    .option('-P, --purge', 'forget them then')
    .option('-F, --force', 'read what would inflate far beyond its size, and show anything on a terminal')
    .action(async (ids, options) => (await reading()).assembleFragments(ids, options));
}

function purge(name: string): Command {
  const shown = name === 'purge' ? 'fragments purge' : name;
  return offline(makeCommand(name, 'Forget messages and all their parts.', [`postern mix ${shown} 2Z5pEg3vUBCh`]))
    .argument('<ids...>', 'as they are listed')
    .action(async (ids, options) => (await reading()).purgeFragments(ids, options));
}

function servers(name = 'servers'): Command {
  const isOld = name === 'list-servers';
  const command = makeCommand(name, 'List the servers that are known, with what they can do.', [
    `postern mix ${name}`,
    `postern mix ${name} --features caps,fingerprint,Incoming/MMTP:Port Amber`,
  ]);
  return online(command)
    .argument('[names...]', 'these servers only')
    .option(
      '-F, --features <list>',
      'what to tell of each: caps, status, fingerprint, address, Section:Key, or a key that one section has',
      parseList,
    )
    .option('-r, --recommended', 'only servers that the directory recommends')
    .option('-T, --with-time', 'when each descriptor is valid, in a line of its own')
    .option('--no-collapse', 'a line for each descriptor, not for each server')
    .addOption(
      new Option('-s, --separator <text>', 'no table, but lines with this in between').default(
        isOld ? '\t' : undefined,
      ),
    )
    .action(async (names, options) => (await network()).servers(names, options));
}

function update(name = 'update'): Command {
  return online(makeCommand(name, 'Fetch the list of servers anew.', [`postern mix ${name}`])).action(async (options) =>
    (await network()).update(options),
  );
}

function importServers(name = 'import'): Command {
  const about = 'Make servers known from their descriptors in files. Paths may use them like recommended ones.';
  return offline(makeCommand(name, about, [`postern mix ${name} amber.txt`]))
    .argument('<files...>', 'one descriptor in each')
    .action(async (files, options) => (await network()).importServers(files, options));
}

function ping(): Command {
  return online(
    makeCommand('ping', 'Ask servers whether they take packets.', ['postern mix ping Amber mix.example.org:48099']),
  )
    .argument('<servers...>', 'names, or host:port')
    .action(async (names, options) => (await network()).ping(names, options));
}

function paths(): Command {
  const about = 'Show paths as they would be chosen now for a path specifier, or why there is none.';
  return online(makeCommand('paths', about, ['postern mix paths --path "Amber,~2:*2" --to alice@example.net']))
    .option('-P, --path <path>', 'the specifier; that of the configuration when not given')
    .option('-t, --to <address>', 'what the last server has to deliver to')
    .option('-R, --reply', 'in front of a reply block')
    .option('--surb', 'inside a reply block')
    .option('-n, --count <number>', 'how many', parseCount, 5)
    .action(async (options) => (await network()).paths(options));
}

function testnet(): Command {
  const about = 'Open a whole network on this machine, follow a packet through it, and leave it open to try things.';
  return withJsonOption(
    makeCommand('testnet', about, ['postern mix testnet', 'postern mix testnet --speed 200 --once']),
  )
    .option('--speed <number>', 'how many times as fast as yours its time runs', parseSpeed, 100)
    .option('--folder <folder>', 'keep everything there; without it nothing is left at the end')
    .option('--no-story', 'send nothing')
    .option('--once', 'end when the story is told')
    .action(async (options) => (await import('./mix/testnet.ts')).testnet(options));
}

/** Options of all commands. */
function offline(command: Command): Command {
  return withHomeOption(withJsonOption(command))
    .option('-f, --config <file>', 'another configuration than mix.toml in that folder')
    .option('-v, --verbose', 'tell more on standard error')
    .option('-Q, --quiet', 'tell nothing there but failures')
    .option('--status-fd <number>', 'tell a front-end what happens, on this descriptor', parseDescriptor)
    .option('--status-json', 'in lines of JSON');
}

/** Options of commands that need the directory, or go out to servers. */
function online(command: Command): Command {
  return withProxyOption(offline(command)).addOption(
    new Option(
      '-D, --download-directory <yes|no>',
      'fetch it now, or do not; when it is of yesterday, if not given',
    ).choices(['yes', 'no']),
  );
}

/** Options of commands that take a message. */
function message(command: Command): Command {
  return headers(command)
    .option('-t, --to <address>', 'user@host, mbox:name@server, or drop')
    .option('-R, --reply-block <file>', 'answer through reply blocks; may be given again', gather)
    .option('--reply-block-fd <number>', 'reply blocks from a descriptor', gatherDescriptors)
    .option('-i, --input <file>', 'the message; - for standard input', '-')
    .option('-P, --path <path>', 'the servers, such as "Amber,*2:?,Birch"')
    .option('--deliver-fragments', 'the recipient puts the parts of a long message together, not the last server')
    .addOption(new Option('-H, --hops <number>').hideHelp().argParser(refuseHops));
}

function headers(command: Command): Command {
  return command
    .option('--subject <text>', 'what it is about')
    .option('--from <name>', 'the name that the mail shows as its sender, if the last server allows it')
    .option('--in-reply-to <id>', 'the message-id of the mail that it answers')
    .option('--references <ids>', 'the message-ids of the talk that it belongs to');
}

function output(command: Command): Command {
  return command.option('-o, --output <file>', 'write to a file; - for standard output', '-');
}

function passphrase(command: Command): Command {
  return command.option('--passphrase-fd <number>', 'read the passphrase of the key ring here', parseDescriptor);
}

function refuseHops(): never {
  throw new InvalidArgumentError(
    'The number of servers is part of the path: --path "*5", or --path "~5" for about five.',
  );
}

function parseCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text) || Number(text) > MAX_NUMBER)
    throw new InvalidArgumentError('It is a number such as 1.');
  return Number(text);
}

function parseSpeed(text: string): number {
  const speed = parseCount(text);
  if (speed > MAX_SPEED) throw new InvalidArgumentError(`It is a number from 1 to ${MAX_SPEED}.`);
  return speed;
}

function parseDays(text: string): number {
  if (!/^\d+$/.test(text) || Number(text) > MAX_NUMBER)
    throw new InvalidArgumentError('It is a number of days such as 7.');
  return Number(text);
}

function parseDescriptor(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It is the number of an open descriptor such as 3.');
  return Number(text);
}

function parseList(text: string): string[] {
  return text.split(',').map((word) => word.trim());
}

function gather(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

function gatherDescriptors(value: string, before: readonly number[] = []): number[] {
  return [...before, parseDescriptor(value)];
}
