// `postern config`: whether the configuration is right, and what it amounts to.

import type { Command } from 'commander';
import { AlreadySaid, makeCommand, type OfficeOptions, withDataOption, withJsonOption } from './command.ts';
import { print, printJson } from './output.ts';

export function configCommand(): Command {
  const check = makeCommand('check', 'Tell whether the office would start with its configuration.', [
    'postern config check',
    'postern config check --data /var/lib/postern --json',
  ]);
  const show = makeCommand('show', 'Print the configuration in force; what stands at its default is a comment.', [
    'postern config show',
    'postern config show > new.toml   # the same settings, with what this version says of each',
  ]);
  return makeCommand('config', 'Look at the configuration.', ['postern config check'])
    .addCommand(withJsonOption(withDataOption(check)).action(checkIt))
    .addCommand(withJsonOption(withDataOption(show)).action(showIt));
}

async function checkIt({ data, json }: OfficeOptions): Promise<void> {
  const { check, ConfigError, folder } = await open(data);
  try {
    await check();
  } catch (error) {
    if (!json || !(error instanceof Error)) throw error;
    const problems = error instanceof ConfigError ? error.problems : [];
    printJson({ ok: false, file: folder.config, message: error.message, problems });
    throw new AlreadySaid();
  }
  if (json) printJson({ ok: true, file: folder.config });
  else print(`${folder.config} is right.`);
}

async function showIt({ data, json }: OfficeOptions): Promise<void> {
  const { check, counters } = await open(data);
  const { settings, given } = await check();
  if (json) {
    const { counters: ofCounters, ...ofOffice } = settings;
    return printJson({ ...ofOffice, ...ofCounters });
  }
  const [{ writeConfig }, { settingsSchema }] = await Promise.all([
    import('../office/config-file.ts'),
    import('../office/settings.ts'),
  ]);
  print(writeConfig(settingsSchema(counters), given).trimEnd());
}

async function open(data: string) {
  const [{ checkConfig }, { ConfigError }, { dataFolderAt, checkDataFolder }, { counters }] = await Promise.all([
    import('../office/check-config.ts'),
    import('../office/config-file.ts'),
    import('../office/data-folder.ts'),
    import('../office/counters.ts'),
  ]);
  const folder = dataFolderAt(data);
  await checkDataFolder(folder);
  return { folder, counters, ConfigError, check: () => checkConfig(folder, counters) };
}
