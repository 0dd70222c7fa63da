// What a sender and reader can set, in the file `mix.toml` of the client's folder: written with every setting explained
// when there is none.   spec: mixminion-server 9

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { codeOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { type Clock, DAY, fastClock, systemClock } from '../../base/time.ts';
import { parseSocksUrl } from '../../net/socks-url.ts';
import { readConfig } from '../../post/config-file.ts';
import { writeConfig } from '../../post/config-template.ts';
import { choiceSetting, durationSetting, listSetting, textSetting } from '../../post/setting-kinds.ts';
import { settingTable } from '../../post/setting-tables.ts';
import { parseAddress } from '../directory/address.ts';
import { type PathKind, PathSpec } from '../directory/path-spec.ts';
import { directoryServersSetting } from '../directory/server-setting.ts';
import { isValidNickname } from '../directory/value-kinds.ts';

const HEAD = `\
# The configuration of this Postern mix client.
#
# Each setting is shown at its default as "#key = value": take the # away to change it.
`;

const OLD_CONFIG = /^\s*\[(DirectoryServers|User|Server)\]/m;

/** `60 since 2026-11-22T12:00:00.000Z` */
const FAST_CLOCK = /^(\d{1,4}) since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)$/;

const text = (byDefault: string, about: string, isRight: (text: string) => boolean, help: string) =>
  textSetting(byDefault, about).refine(isRight, { error: help });

function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function path(kind: PathKind, about: string) {
  return text(
    '~5',
    about,
    (spec) => accepts(() => PathSpec.parse(spec, { kind })),
    'write a path such as "~5", "*3" or "Amber,?,Birch"',
  );
}

function nicknames(about: string) {
  const read = (name: string) => (isValidNickname(name) ? name : undefined);
  return listSetting(read, 'write a list of server names, such as ["Amber", "Birch"]', [], about);
}

const directory = z.strictObject({
  servers: directoryServersSetting(
    'The directory servers of the network, each as "FINGERPRINT URL". The list of servers is fetched once a day from the ' +
      'first of them that answers. It counts when more than half of them have signed it (one of them, for lists of the old ' +
      'form). Below an URL that ends in "/" it is the file current.gz.',
  ),
  timeout: durationSetting('1 min', 'How long fetching the list may take.'),
});

const paths = z.strictObject({
  forward: path(
    'forward',
    'The servers that a message passes when nothing else is said: about five, chosen at random.',
  ),
  reply: path('reply', 'The servers in front of a reply block that you answer through.'),
  surb: path('surb', 'The servers inside the reply blocks that you make.'),
  block: nicknames('Servers that random choices never take.'),
  block_entries: nicknames('Servers that random choices do not take as the first of a path.'),
  block_exits: nicknames('Servers that random choices do not take as the last of a path.'),
});

const surbs = z.strictObject({
  address: text(
    '',
    'Where answers to your reply blocks are delivered, such as "me@example.org", when nothing else is said.',
    (address) => address === '' || accepts(() => parseAddress(address)),
    'write an address such as "me@example.org"',
  ),
  lifetime: durationSetting('7 d', 'How long new reply blocks can be used, in whole days.').refine(
    (lifetime) => lifetime >= DAY && lifetime % DAY === 0,
    { error: 'write whole days, such as "7 d"' },
  ),
});

const network = z.strictObject({
  timeout: durationSetting('2 min', 'How long a server may do nothing before it is given up.'),
  proxy: text(
    '',
    'A SOCKS5 proxy such as "socks5://127.0.0.1:9050" (tor), through which everything goes. It also looks up all names.',
    (url) => url === '' || parseSocksUrl(url) !== undefined,
    'write an address such as "socks5://127.0.0.1:9050"',
  ),
  compat: choiceSetting(
    ['none', 'mixminion-0.0.8'],
    'none',
    '"mixminion-0.0.8" also hands packets to servers of the old program, whose TLS is weak: who watches the link may then see the packets themselves, though not what is in them.',
  ),
  clock: text(
    '',
    'Only for a test network whose time runs faster, which `postern mix testnet` writes here: how much, and since when.',
    (clock) => clock === '' || readFastClock(clock) !== undefined,
    'write "60 since 2026-11-22T12:00:00.000Z", or leave it empty',
  ),
});

export interface ClientSettings {
  readonly directory: z.infer<typeof directory>;
  readonly paths: z.infer<typeof paths>;
  readonly surbs: z.infer<typeof surbs>;
  readonly network: z.infer<typeof network>;
}

const schema: z.ZodType<ClientSettings> = z.strictObject({
  directory: settingTable(directory, 'The list of servers, and whose word for it counts.'),
  paths: settingTable(
    paths,
    'The servers that packets pass: "?" is any one, "*3" any three, "~5" about five, a name the server of that name; commas between, and one ":" between the two halves of a forward path.',
  ),
  surbs: settingTable(surbs, 'Single-use reply blocks, by which others answer without knowing where.'),
  network: settingTable(network, 'How servers are reached.'),
});

/** The time of the network that the settings are about. */
export function clockOf({ network }: ClientSettings): Clock {
  return readFastClock(network.clock) ?? systemClock;
}

function readFastClock(setting: string): Clock | undefined {
  const [, speed, since = ''] = FAST_CLOCK.exec(setting) ?? [];
  const begun = Date.parse(since);
  if (Number.isNaN(begun) || !(Number(speed) >= 1)) return undefined;
  return fastClock({ begun, speed: Number(speed) });
}

/** Reads a configuration file, writing one with all defaults when there is none. Throws ConfigError. */
export async function readClientSettings(file: string): Promise<ClientSettings> {
  const found = await readFile(file, 'utf8').catch(async (error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
    const fresh = writeConfig(HEAD, schema);
    await replaceFile(file, fresh);
    return fresh;
  });
  return parseClientSettings(found, file);
}

/** The settings in the text of `file`. Throws ConfigError. */
function parseClientSettings(found: string, file: string): ClientSettings {
  const remedy = OLD_CONFIG.test(found)
    ? 'this is a file of the old program, whose form is another: move it away, and set what you need in the new one'
    : 'correct the file';
  return readConfig(found, { file, schema, remedy }).settings;
}
