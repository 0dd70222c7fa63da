// `postern pins`: the keys of other servers that this office has pinned, and what to do when one has changed.

import { Argument, type Command } from 'commander';
import { PosternError } from '../base/errors.ts';
import type { Pin } from '../post/pins.ts';
import { askOffice } from './ask-office.ts';
import { makeCommand, type OfficeOptions, officeCommand } from './command.ts';
import { print, printJson, table } from './output.ts';

type Options = OfficeOptions;

/** TLS keys of servers; for IMMP also the OpenPGP keys of domains. */
const OWNERS = ['cmtp', 'immp', 'immp-openpgp'];

export function pinsCommand(): Command {
  const about = 'The keys of other servers as this office knows them, and what to do when one has changed.';
  const group = makeCommand('pins', about, ['postern pins list cmtp', 'postern pins accept cmtp example.org']);
  group.addCommand(officeCommand('list', 'Show them.', 'postern pins list cmtp').addArgument(whose()).action(list));
  const accept = 'Take the key that a server shows now in place of the one that was pinned. Ask its operator first.';
  group.addCommand(
    officeCommand('accept', accept, 'postern pins accept cmtp example.org')
      .addArgument(whose())
      .argument('<domain>', 'the other server')
      .action(acceptOne),
  );
  const forget = 'Forget a key; the next one that the server shows is pinned.';
  group.addCommand(
    officeCommand('forget', forget, 'postern pins forget cmtp example.org')
      .addArgument(whose())
      .argument('<domain>', 'the other server')
      .action(forgetOne),
  );
  return group;
}

function whose(): Argument {
  return new Argument('<counter>', 'whose pins').choices(OWNERS);
}

async function list(counter: string, { data, json }: Options): Promise<void> {
  const pins = (await askOffice(data, 'office', 'pins.list', { counter })) as Pin[];
  if (json) return printJson(pins);
  if (pins.length === 0) return print('No keys are pinned.');
  const rows = pins.map(({ domain, fingerprint, origin, lastSeen, offered }) => [
    domain,
    `${fingerprint.slice(0, 16)}…`,
    origin,
    new Date(lastSeen).toISOString().slice(0, 10),
    offered === undefined ? '' : `CHANGED to ${offered.slice(0, 16)}…`,
  ]);
  print(table(['server', 'key', 'by', 'last seen', ''], rows));
}

async function acceptOne(counter: string, domain: string, { data, json }: Options): Promise<void> {
  const pin = (await askOffice(data, 'office', 'pins.accept', { counter, domain })) as Pin | null;
  if (pin === null || pin === undefined) {
    throw new PosternError('pin', `${domain} shows no other key than the pinned one`, {
      remedy: `\`postern pins list ${counter}\` shows what is known`,
    });
  }
  if (json) return printJson(pin);
  print(`The key of ${domain} is now ${pin.fingerprint}.`);
}

async function forgetOne(counter: string, domain: string, { data, json }: Options): Promise<void> {
  const gone = await askOffice(data, 'office', 'pins.forget', { counter, domain });
  if (json) return printJson({ domain, forgotten: gone === true });
  print(gone === true ? `The key of ${domain} is forgotten.` : `No key of ${domain} was pinned.`);
}
