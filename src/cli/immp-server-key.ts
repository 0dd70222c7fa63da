// `postern immp server-key`: for the operator of an office, a change of its TLS key that surprises nobody.   spec: immp 2.4

import type { Command } from 'commander';
import type { Visit } from '../immp/visits.ts';
import type { ServerKeys } from '../office/key-roll.ts';
import { askOffice } from './ask-office.ts';
import { agreed } from './ask-person.ts';
import { makeCommand, type OfficeOptions, officeCommand, withYesOption, type YesOption } from './command.ts';
import { facts, print, printJson, table } from './output.ts';

type Options = OfficeOptions;

export function immpServerKeyCommand(): Command {
  const about =
    'For the operator of an office: change its key so that no peer takes the change for an attack. All counters show this key; ' +
    'only IMMP can announce the next one.';
  const group = makeCommand('server-key', about, ['postern immp server-key plan', 'postern immp server-key switch']);
  const add = (name: string, what: string) => {
    const command = officeCommand(name, what, `postern immp server-key ${name}`);
    group.addCommand(command);
    return command;
  };
  add('show', 'Show the key, and the next one if one is announced.').action(show);
  add('plan', 'Make the next key, and announce it to all domains that are known.').action(plan);
  add('announce', 'Announce the next key again to all domains that are known. The office must run.').action(announce);
  withYesOption(add('switch', 'Show the next key from now on; the present one is gone then. Asks before it does so.'))
    .option('--now', 'even if it was not announced for 14 days')
    .action(switchOver);
  add('cancel', 'Forget the next key.').action(cancel);
  return group;
}

async function show({ data, json }: Options): Promise<void> {
  const keys = (await askOffice(data, 'office', 'key.show', {})) as ServerKeys;
  if (json) printJson(keys);
  else printKeys(keys);
}

async function plan(options: Options): Promise<void> {
  const keys = (await askOffice(options.data, 'office', 'key.plan', {})) as ServerKeys;
  if (!options.json) printKeys(keys);
  const visits = await visit(options).catch(() => undefined); // closed, or without IMMP: it is announced to whoever comes
  if (options.json) return printJson({ ...keys, ...(visits === undefined ? {} : { visits }) });
  print('');
  if (visits === undefined) print('The office is not open now. Once it is: postern immp server-key announce');
  else printVisits(visits);
}

async function announce(options: Options): Promise<void> {
  const visits = await visit(options);
  if (options.json) printJson(visits);
  else printVisits(visits);
}

async function visit({ data }: Options): Promise<readonly Visit[]> {
  const { visits } = (await askOffice(data, 'immp', 'key.announce', {})) as { readonly visits: readonly Visit[] };
  return visits;
}

async function switchOver(options: Options & YesOption & { readonly now?: boolean }): Promise<void> {
  const { data, json, yes, now = false } = options;
  await agreed('Put the next key in the place of the present one, which is destroyed?', yes);
  const keys = (await askOffice(data, 'office', 'key.switch', { now })) as ServerKeys;
  if (json) return printJson(keys);
  printKeys(keys);
  print('\nClients of other counters, which could not be told, have to be given this key by another way.');
}

async function cancel({ data, json }: Options): Promise<void> {
  const keys = (await askOffice(data, 'office', 'key.cancel', {})) as ServerKeys;
  if (json) printJson(keys);
  else printKeys(keys);
}

function printKeys({ key, next }: ServerKeys): void {
  const day = (time: number) => new Date(time).toISOString().slice(0, 10);
  const rows: [string, string][] = [['server key', key]];
  if (next !== undefined) {
    rows.push(['next', next.key], ['announced', `since ${day(next.since)}; to be shown from ${day(next.due)} on`]);
  }
  print(facts(rows));
}

const STATES: Readonly<Record<Visit['state'], string>> = {
  told: 'known',
  deaf: 'not understood: its administrator will have to accept it',
  away: 'not told: could not be reached now',
};

function printVisits(visits: readonly Visit[]): void {
  const rows = visits.map(({ domain, state }) => [domain, STATES[state]]);
  print(rows.length === 0 ? 'No other domain is known yet.' : table(['domain', 'the next key'], rows));
}
