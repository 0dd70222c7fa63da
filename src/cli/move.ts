// `postern export` and `postern import`: a counter's mailboxes as files, for moving from and to other servers.

import type { Command } from 'commander';
import { type OfficeOptions, officeCommand } from './command.ts';
import { print, printJson, showProgress } from './output.ts';

export function exportCommand(): Command {
  const about =
    "Write a counter's mailboxes and messages into files; the office must be closed. For copies use backup.";
  return moving('export', about, ['postern export smallmail /mnt/mailboxes'], 'the folder to write to');
}

export function importCommand(): Command {
  const about =
    'Take in mailboxes and messages from files as export writes them; the office must be closed. ' +
    'What is here already is not doubled.';
  return moving('import', about, ['postern import smallmail /mnt/mailboxes'], 'the folder to read');
}

function moving(way: 'export' | 'import', about: string, examples: readonly [string], which: string): Command {
  return officeCommand(way, about, ...examples)
    .argument('<counter>', 'whose mailboxes: smallmail, cmtp, immp or ima')
    .argument('<folder>', which)
    .action(async (counter: string, files: string, { data, json }: OfficeOptions) => {
      const [{ move }, { dataFolderAt }, { counters }, { openSqliteStore }] = await Promise.all([
        import('../office/move.ts'),
        import('../office/data-folder.ts'),
        import('../office/counters.ts'),
        import('../store/sqlite/open.ts'),
      ]);
      const progress = await showProgress(way === 'export' ? 'Writing' : 'Reading');
      const openStore = (file: string) => openSqliteStore({ file });
      const told = ({ messages }: { messages: number }) => progress.update(messages, messages);
      const report = await move({
        way,
        counter,
        files,
        folder: dataFolderAt(data),
        counters,
        openStore,
        progress: told,
      }).finally(progress.stop);
      const verb = way === 'export' ? 'written to' : 'taken in from';
      if (json) printJson(report);
      else print(`${report.mailboxes} mailboxes and ${report.messages} messages were ${verb} ${files}.`);
    });
}
