// `postern remailer`: what the operator of a Type III remailer asks of it while it runs.   spec: mixminion-server 6, 8.2

import type { Command } from 'commander';
import type { ReplacedKeys } from '../mixminion/node/counter.ts';
import type { RemailerStatus } from '../mixminion/node/remailer.ts';
import { askOffice } from './ask-office.ts';
import { agreed } from './ask-person.ts';
import {
  makeCommand,
  type OfficeOptions,
  officeCommand,
  withDataOption,
  withJsonOption,
  withYesOption,
  type YesOption,
} from './command.ts';
import { facts, print, printJson } from './output.ts';

const COUNTER = 'mix';

type Options = OfficeOptions;

export function remailerCommand(): Command {
  const group = makeCommand('remailer', 'Look after the remailer of this office while it runs.', [
    'postern remailer stats',
    'postern remailer republish',
    'postern remailer keys replace',
  ]);
  const add = (name: string, about: string) => {
    const command = officeCommand(name, about, `postern remailer ${name}`);
    group.addCommand(command);
    return command;
  };
  add('stats', 'Show what became of its packets since it was opened, and the figures of the day so far.').action(stats);
  add('republish', 'Send its descriptors to the directory servers again.').action(republish);
  return group.addCommand(keys());
}

function keys(): Command {
  const about =
    'Destroy the packet keys and link keys, which may be in other hands, and go on under new ones. Packets under way to the old ' +
    'keys are lost. Asks before it does anything.';
  const replace = makeCommand('replace', about, [
    'postern remailer keys replace',
    'postern remailer keys replace --identity --yes',
  ]);
  return makeCommand('keys', 'The keys of the remailer.', ['postern remailer keys replace']).addCommand(
    withYesOption(withJsonOption(withDataOption(replace)))
      .option('--identity', 'the identity key too: for the network it is another remailer then')
      .action(replaceKeys),
  );
}

async function stats({ data, json }: Options): Promise<void> {
  const { fingerprint, nickname, packets, pending } = (await askOffice(data, COUNTER, 'stats', {})) as RemailerStatus;
  if (json) return printJson({ fingerprint, nickname, packets, pending });
  const { accepted, forwarded, delivered, dropped, held } = packets;
  const reasons = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`);
  print(
    facts([
      ['remailer', `${nickname} ${fingerprint}`],
      ['accepted', String(accepted)],
      ['sent on', String(forwarded)],
      ['delivered', String(delivered)],
      ['dropped', reasons.length === 0 ? '0' : reasons.join(', ')],
      ['held', `${held.arrived} to be opened, ${held.pool} in the pool, ${held.outgoing} waiting for another remailer`],
    ]),
  );
  print(`\n${pending.trimEnd()}`);
}

async function republish({ data, json }: Options): Promise<void> {
  const answer = (await askOffice(data, COUNTER, 'republish', {})) as { descriptors: number };
  if (json) return printJson(answer);
  print(`${answer.descriptors} descriptors are on their way to the directory servers; the log says what they answer.`);
}

interface ReplaceOptions extends Options, YesOption {
  readonly identity?: boolean;
}

async function replaceKeys({ data, json, identity = false, yes }: ReplaceOptions): Promise<void> {
  const what = identity ? 'identity, packet and link keys' : 'packet and link keys';
  await agreed(`Destroy the ${what} of this remailer? Packets under way to it are lost.`, yes);
  const answer = (await askOffice(data, COUNTER, 'keys.replace', { identity })) as ReplacedKeys;
  if (json) return printJson(answer);
  const { fingerprint, before, descriptors, publishes } = answer;
  print(
    facts([
      ['remailer', fingerprint],
      ...(before === undefined ? [] : [['before', `${before} (destroyed)`] as const]),
      ['descriptors', String(descriptors)],
    ]),
  );
  print(
    publishes
      ? '\nThe directory servers are told now; the log says what they answer. Others use the new keys from their next directory on.'
      : '\nNo directory server is told (mix.directory.publish = false): tell the network yourself.',
  );
  if (identity) print('The operator of each directory has to approve the new fingerprint, and to drop the old one.');
}
