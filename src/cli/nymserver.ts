// `postern nymserver`: what the operator of a nymserver sees and decides. None of it can reveal a nymholder.   spec: mixminion-nym 6.4

import type { Command } from 'commander';
import { formatSize } from '../base/text.ts';
import type { NymStats, NymSummary } from '../nym/server/operator.ts';
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
import { facts, print, printJson, table } from './output.ts';

const COUNTER = 'nym';

type Options = OfficeOptions;

export function nymserverCommand(): Command {
  const group = makeCommand('nymserver', 'Look after the nyms that this office gives out.', [
    'postern nymserver list',
    'postern nymserver approve alice',
  ]);
  const add = (name: string, about: string) => {
    const command = officeCommand(name, about, `postern nymserver ${name}`);
    group.addCommand(command);
    return command;
  };
  const decide = (name: string, about: string, done: string) => {
    const command = makeCommand(name, about, [`postern nymserver ${name} alice`]).argument('<nym>', 'its name');
    group.addCommand(
      withJsonOption(withDataOption(command)).action((nym, options) => decideOn(name, nym, done, options)),
    );
  };
  add('list', 'List all nyms.').action(list);
  group.addCommand(
    officeCommand('show', 'Show one nym.', 'postern nymserver show alice').argument('<nym>', 'its name').action(show),
  );
  const about = 'Close a nym for ever: its mail is deleted, and its name never given out again.';
  const close = withYesOption(makeCommand('close', about, ['postern nymserver close alice'])).argument(
    '<nym>',
    'its name',
  );
  group.addCommand(
    withJsonOption(withDataOption(close)).action(async (nym: string, options: Options & YesOption) => {
      await agreed(`Close ${nym} for ever, and delete its mail?`, options.yes);
      await decideOn('close', nym, 'closed for ever', options);
    }),
  );
  decide('approve', 'Open a nym that waits for your approval.', 'open');
  decide('refuse', 'Turn down a nym that waits, or was asked for.', 'refused');
  add('stats', 'Show how many nyms there are, and what they take.').action(stats);
  return group;
}

async function list({ data, json }: Options): Promise<void> {
  const all: NymSummary[] = [];
  for (let page = await nymsAfter(data, ''); page.length > 0; page = await nymsAfter(data, all.at(-1)?.nym ?? '')) {
    all.push(...page);
  }
  if (json) return printJson(all);
  if (all.length === 0) return print('there are no nyms yet');
  const rows = all.map(({ nym, state, since, used, surbs }) => {
    return [nym, state, dayOf(since), used.messages, formatSize(used.bytes), surbs];
  });
  print(table(['nym', 'state', 'since', 'mails', 'size', 'reply blocks'], rows));
}

async function nymsAfter(data: string, after: string): Promise<NymSummary[]> {
  return (await askOffice(data, COUNTER, 'list', { after })) as NymSummary[];
}

async function show(nym: string, { data, json }: Options): Promise<void> {
  const found = (await askOffice(data, COUNTER, 'show', { nym })) as NymSummary;
  if (json) return printJson(found);
  print(
    facts([
      ['nym', found.nym],
      ['state', found.state],
      ['since', dayOf(found.since)],
      ['mails', `${found.used.messages} of ${found.quota.messages}`],
      ['size', `${formatSize(found.used.bytes)} of ${formatSize(found.quota.bytes)}, sealed`],
      ['reply blocks', String(found.surbs)],
    ]),
  );
}

async function decideOn(name: string, nym: string, done: string, { data, json }: Options): Promise<void> {
  const answer = await askOffice(data, COUNTER, name, { nym });
  if (json) printJson(answer);
  else print(`${nym} is ${done}`);
}

async function stats({ data, json }: Options): Promise<void> {
  const found = (await askOffice(data, COUNTER, 'stats', {})) as NymStats;
  if (json) return printJson(found);
  print(
    facts([
      ['open', String(found.nyms.open)],
      ['wait for approval', String(found.nyms.waiting)],
      ['not confirmed yet', String(found.nyms.reserved)],
      ['mails', `${found.messages}, ${formatSize(found.bytes)}, sealed`],
      ['reply blocks', String(found.surbs)],
    ]),
  );
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
