// The configuration file of an office, `postern.toml`: read and checked, or written with every setting explained.

import type { TomlTable } from 'smol-toml';
import type { z } from 'zod';
import * as files from '../post/config-file.ts';
import * as template from '../post/config-template.ts';
import type { Settings } from './settings.ts';

export { ConfigError } from '../post/config-file.ts';

const REMEDY = 'correct the file; `postern config check` tells when it is right';

const HEAD = `\
# The configuration of this Postern office.
#
# Each setting is shown at its default as "#key = value": take the # away to change it. Then
#   postern config check   tells whether the file is right, and
#   kill -HUP <process>    makes a running office read it again, without dropping anybody.
`;

export type Config = files.Config<Settings>;

/** Reads and checks a configuration file. Throws ConfigError. */
export function readConfigFile(file: string, schema: z.ZodType<Settings>): Promise<Config> {
  return files.readConfigFile({ file, schema, remedy: REMEDY });
}

/** Reads and checks the text of `file` (named in errors only). Throws ConfigError. */
export function readConfig(text: string, file: string, schema: z.ZodType<Settings>): Config {
  return files.readConfig(text, { file, schema, remedy: REMEDY });
}

/** The text of a file that says what `given` says; whatever it leaves out stands there as a comment. */
export function writeConfig(schema: z.ZodType, given: TomlTable = {}): string {
  return template.writeConfig(HEAD, schema, given);
}
