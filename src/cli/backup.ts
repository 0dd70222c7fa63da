// `postern backup`: a copy of the whole office in a new folder, whether it is running or not.

import type { Command } from 'commander';
import { formatSize } from '../base/text.ts';
import { type OfficeOptions, officeCommand } from './command.ts';
import { facts, print, printJson, showProgress } from './output.ts';

export function backupCommand(): Command {
  const about =
    'Copy mail, keys and configuration into a new folder; the office may go on working. ' +
    'To restore, use a copy of that folder as the data folder.';
  const examples = ['postern backup /mnt/backup/postern-2026-11-22'] as const;
  return officeCommand('backup', about, ...examples)
    .argument('<folder>', 'the folder to make; it must not be there yet')
    .action(backUpOffice);
}

async function backUpOffice(to: string, { data, json }: OfficeOptions): Promise<void> {
  const [{ backUp }, { dataFolderAt }] = await Promise.all([
    import('../office/backup.ts'),
    import('../office/data-folder.ts'),
  ]);
  const progress = await showProgress('Copying');
  const report = await backUp(dataFolderAt(data), to, progress.update).finally(progress.stop);
  if (json) return printJson(report);
  print(
    facts([
      ['backup', report.folder],
      ['holds', `${report.files.join(', ')} (${formatSize(report.bytes)})`],
      ['check it', `postern verify --data ${report.folder}`],
    ]),
  );
}
