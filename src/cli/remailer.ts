// `postern remailer`: what the operator of a Type III remailer asks of it while it runs.   spec: mixminion-server 6, 8.2

import type { Command } from 'commander';
import type { RemailerStatus } from '../mixminion/node/remailer.ts';
import { askOffice } from './ask-office.ts';
import { type DataOption, type JsonOption, makeCommand, withDataOption, withJsonOption } from './command.ts';
import { facts, print, printJson } from './output.ts';

const COUNTER = 'mix';

type Options = DataOption & JsonOption;

export function remailerCommand(): Command {
  const group = makeCommand('remailer', 'Look after the remailer of this office while it runs.', [
    'postern remailer stats',
    'postern remailer republish',
  ]);
  const add = (name: string, about: string) => {
    const command = withJsonOption(withDataOption(makeCommand(name, about, [`postern remailer ${name}`])));
    group.addCommand(command);
    return command;
  };
  add('stats', 'Show what became of its packets since it was opened, and the figures of the day so far.').action(stats);
  add('republish', 'Send its descriptors to the directory servers again.').action(republish);
  return group;
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
