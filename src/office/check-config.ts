// Whether an office would start with its configuration, without opening or changing anything.

import { type Config, readConfigFile } from './config-file.ts';
import { refuseDangers } from './dangers.ts';
import type { DataFolder } from './data-folder.ts';
import { readGivenIdentity } from './identity.ts';
import { type AnyCounter, settingsSchema } from './settings.ts';

/** Throws what `openOffice` would: ConfigError, OfficeError `danger` or `identity`. */
export async function checkConfig(folder: DataFolder, counters: readonly AnyCounter[]): Promise<Config> {
  const config = await readConfigFile(folder.config, settingsSchema(counters));
  const { settings } = config;
  refuseDangers(
    settings,
    counters.filter(({ name }) => settings.office.counters.includes(name)),
  );
  await readGivenIdentity(folder, settings);
  return config;
}
