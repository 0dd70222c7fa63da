// `postern verify`: reads everything in an office or a backup, and says whether all of it is whole.

import type { Command } from 'commander';
import { formatSize } from '../base/text.ts';
import { AlreadySaid, type OfficeOptions, officeCommand } from './command.ts';
import { print, printJson, showProgress } from './output.ts';

export function verifyCommand(): Command {
  const about = 'Read everything and check every digest: of the office, running or not, or of a backup of it.';
  const examples = ['postern verify', 'postern verify --data /mnt/backup/postern-2026-11-22'] as const;
  return officeCommand('verify', about, ...examples).action(verify);
}

async function verify({ data, json }: OfficeOptions): Promise<void> {
  const [{ verifyOffice }, { dataFolderAt }, { counters }] = await Promise.all([
    import('../office/verify.ts'),
    import('../office/data-folder.ts'),
    import('../office/counters.ts'),
  ]);
  const progress = await showProgress('Reading');
  const report = await verifyOffice(dataFolderAt(data), counters, progress.update).finally(progress.stop);
  const { ok, mailboxes, messages, bytes, faults } = report;
  if (json) printJson(report);
  else {
    print(`${mailboxes} mailboxes with ${messages} messages (${formatSize(bytes)}) were read.`);
    print(ok ? 'Everything is whole.' : faults.map((found) => `FAULT  ${found}`).join('\n'));
    if (!ok) print('What to do: stop the office, keep this folder as it is, and use the last backup that verifies.');
  }
  if (!ok) throw new AlreadySaid();
}
