// `postern COUNTER queue`: what waits for other domains, the same for each counter that carries mail there.

import type { Command } from 'commander';
import { askOffice } from './ask-office.ts';
import { makeCommand, type OfficeOptions, officeCommand } from './command.ts';
import { print, printJson, table } from './output.ts';

export function queueCommand(counter: 'cmtp' | 'immp'): Command {
  const [list, retry] = [`postern ${counter} queue list`, `postern ${counter} queue retry example.net`];
  const group = makeCommand('queue', 'Mail for other domains that waits: for the operator of an office.', [
    list,
    retry,
  ]);
  group.addCommand(
    officeCommand('list', 'How many messages wait for which domain.', list).action((options: OfficeOptions) =>
      listQueue(counter, options),
    ),
  );
  group.addCommand(
    officeCommand('retry', 'Try now what waits, in place of later.', retry)
      .argument('[domain]', 'only what is for this domain')
      .action((domain: string | undefined, options: OfficeOptions) => retryQueue(counter, domain, options)),
  );
  return group;
}

async function listQueue(counter: string, { data, json }: OfficeOptions): Promise<void> {
  const waiting = (await askOffice(data, counter, 'queue.list', {})) as { domain: string; messages: number }[];
  if (json) return printJson(waiting);
  if (waiting.length === 0) return print('nothing waits');
  const rows = waiting.map(({ domain, messages }) => [domain, messages]);
  print(table(['domain', 'messages'], rows));
}

async function retryQueue(counter: string, domain: string | undefined, { data, json }: OfficeOptions): Promise<void> {
  const { due } = (await askOffice(data, counter, 'queue.retry', domain === undefined ? {} : { domain })) as {
    due: number;
  };
  if (json) printJson({ due });
  else print(due === 0 ? 'nothing waits' : `${due === 1 ? '1 message is' : `${due} messages are`} tried now`);
}
