// What the mix commands share: the client's folder and its settings, words to the person and to the front-end, the key
// ring's passphrase, the directory of the day.

import { join } from 'node:path';
import { messageOf } from '../../base/errors.ts';
import { openClientHome } from '../../mixminion/client/client-home.ts';
import { type ClientSettings, readClientSettings } from '../../mixminion/client/client-settings.ts';
import { Mix3BadPassphraseError } from '../../mixminion/client/errors.ts';
import { Mix3Client } from '../../mixminion/client/mix3-client.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import { askSecret } from '../ask-person.ts';
import { type JsonOption, UsageError } from '../command.ts';
import { print } from '../output.ts';
import { type HomeOption, type ProxyOption, userFolder } from '../user-folder.ts';
import { readLine } from './input.ts';
import { statusStream, type Tell } from './status.ts';

/** How often a person may mistype a passphrase. */
const TRIES = 3;

export interface MixOptions extends JsonOption, HomeOption, ProxyOption {
  readonly config?: string;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
  readonly statusFd?: number;
  readonly statusJson?: boolean;
  readonly passphraseFd?: number;
  readonly downloadDirectory?: 'yes' | 'no';
}

export interface Desk {
  readonly folder: string;
  readonly settings: ClientSettings;
  readonly options: MixOptions;
  readonly tell: Tell;
  /** A word to the person, on standard error. */
  note(text: string): void;
}

/** Opens the client's folder far enough to know its settings, writing a configuration when there is none. */
export async function openDesk(options: MixOptions): Promise<Desk> {
  if (options.statusJson && options.statusFd === undefined)
    throw new UsageError('--status-json says how to write, not where', 'add --status-fd 2, or another descriptor');
  const home = await openClientHome(userFolder(options, 'mix'));
  const settings = await readClientSettings(options.config ?? home.config);
  const proxy = options.proxy === undefined ? {} : { proxy: `socks5://${formatEndpoint(options.proxy)}` };
  return {
    folder: home.folder,
    settings: { ...settings, network: { ...settings.network, ...proxy } },
    options,
    tell: statusStream(options.statusFd, options.statusJson ?? false),
    note: (text) => {
      if (!options.quiet) print(text, process.stderr);
    },
  };
}

/** Runs `work` while no other command changes anything in the folder. */
export async function withClient<T>(desk: Desk, work: (client: Mix3Client) => Promise<T>): Promise<T> {
  await using client = await Mix3Client.open({
    folder: desk.folder,
    settings: desk.settings,
    askPassphrase: (isNew) => askPassphrase(desk, isNew),
    onWarning: (text) => desk.note(`note: ${text}`),
    onWait: () => desk.note('another command is at work in this folder; waiting for it …'),
  });
  return await work(client);
}

/** The same, with the directory of the day as `--download-directory` wants it. */
export function withDirectory<T>(desk: Desk, work: (client: Mix3Client) => Promise<T>): Promise<T> {
  return withClient(desk, async (client) => {
    await freshen(desk, client);
    for (const flaw of client.directoryFlaws) desk.note(`note: ${flaw}`);
    return await work(client);
  });
}

async function freshen({ options, settings, note, folder }: Desk, client: Mix3Client): Promise<void> {
  const { downloadDirectory, verbose } = options;
  if (downloadDirectory === 'yes') return void (await client.updateDirectory({ force: true }));
  const known = client.directory.getServers().length > 0;
  if (settings.directory.servers.length === 0) {
    if (known) return; // whoever imports servers by hand needs no directory
    const file = options.config ?? join(folder, 'mix.toml');
    throw new UsageError('no servers are known', `set servers under [directory] in ${file}, or import descriptors`);
  }
  if (downloadDirectory === 'no') return;
  try {
    const fetched = await client.updateDirectory();
    if (fetched && verbose) note('the directory of the day was fetched');
  } catch (error) {
    if (!known) throw error;
    note(`note: the directory could not be renewed, and the old one is used: ${messageOf(error)}`);
  }
}

/** Tries `work` again when a person at the terminal has mistyped the passphrase. */
export async function withPassphrase<T>(desk: Desk, work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const asksPerson = desk.options.passphraseFd === undefined && process.env['POSTERN_PASSPHRASE'] === undefined;
      if (!(error instanceof Mix3BadPassphraseError && asksPerson && tries < TRIES)) throw error;
      print('That is not the passphrase.', process.stderr);
    }
  }
}

async function askPassphrase({ options }: Desk, isNew: boolean): Promise<string> {
  if (options.passphraseFd !== undefined) return readLine(options.passphraseFd);
  const { POSTERN_PASSPHRASE } = process.env;
  if (POSTERN_PASSPHRASE !== undefined) return POSTERN_PASSPHRASE;
  const first = await askSecret(isNew ? 'New passphrase for your key ring: ' : 'Passphrase of your key ring: ');
  if (first === undefined)
    throw new UsageError(
      isNew ? 'a passphrase for the new key ring is needed' : 'the passphrase of the key ring is needed',
      'give it with --passphrase-fd, in $POSTERN_PASSPHRASE (empty for none), or at a terminal',
    );
  if (isNew && (await askSecret('The same again: ')) !== first) throw new UsageError('these were two passphrases');
  return first;
}
