// What one of the suite's programs is, and how it is run alone: its own configuration file, standard input and output, its exit status.
// spec: ima 1.3, 2.12

import { existsSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf, PosternError } from '../../base/errors.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import type { ProgramName, SettingsOf } from '../settings.ts';

/** Before a program did anything: it was called wrongly. The same status as any failure, as the contract has no other. */
const FAILED = 1;

export interface Call<Settings> {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly settings: Settings;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the program is told to end. */
  readonly signal: AbortSignal;
  /** One line, or octets, on standard output. */
  say(text: string | Uint8Array): Promise<void>;
  complain(text: string): void;
}

export interface Program<Name extends ProgramName> {
  readonly name: Name;
  /** One line. */
  readonly about: string;
  /** Behind the name: `INBOX [FILE]`. */
  readonly usage: string;
  readonly options?: ParseArgsOptionsConfig;
  /** All settings where there is no file of them: what reads one takes longer to load than such a program to run. */
  readonly defaults?: SettingsOf<Name>;
  /** What the options are for, for --help. */
  readonly optionHelp?: readonly (readonly [option: string, about: string])[];
  /** Gives the exit status. What it throws is said on standard error, and the status is 1. */
  run(call: Call<SettingsOf<Name>>): Promise<number>;
}

const COMMON = {
  config: { type: 'string' },
  'print-config': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsOptionsConfig;

export interface Surroundings {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** Runs one program with the arguments behind its name; gives the exit status. */
export async function runAlone<Name extends ProgramName>(
  program: Program<Name>,
  args: readonly string[],
  { stdin, stdout, stderr, signal }: Surroundings,
): Promise<number> {
  const complain = (text: string) => void stderr.write(`${program.name}: ${text}\n`);
  const say = (text: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const octets = typeof text === 'string' ? `${text}\n` : text;
      stdout.write(octets, (error) => (error ? reject(error) : resolve()));
    });
  try {
    const options = { ...COMMON, ...program.options };
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    if (values['help'] === true) {
      await say(helpOf(program));
      return 0;
    }
    if (values['print-config'] === true) {
      await say(await template(program.name));
      return 0;
    }
    const named = values['config'];
    const settings =
      program.defaults !== undefined && named === undefined && !existsSync(fileOf(program.name))
        ? program.defaults
        : await settingsFor(program.name, typeof named === 'string' ? named : undefined);
    return await program.run({
      ...{ positionals, values, settings, stdin, signal, say, complain },
      clock: systemClock,
      random: systemRandom,
    });
  } catch (error) {
    complain(messageOf(error));
    if (error instanceof PosternError && error.remedy !== undefined) complain(error.remedy);
    return FAILED;
  }
}

/** The settings of a program from the file named, the one of its own name in the working directory, or the defaults. */
export async function settingsFor<Name extends ProgramName>(name: Name, named?: string): Promise<SettingsOf<Name>> {
  const { programSettings } = await import('../settings.ts');
  const schema = programSettings[name];
  const file = named ?? fileOf(name);
  if (named === undefined && !existsSync(file)) return schema.parse({}) as SettingsOf<Name>;
  const { readConfigFile } = await import('../../post/config-file.ts');
  const { z } = await import('zod');
  const { settings } = await readConfigFile({
    file,
    schema: z.strictObject({ [name]: (schema as import('zod').ZodType).prefault({}) }),
  });
  return (settings as Record<string, unknown>)[name] as SettingsOf<Name>;
}

function fileOf(name: ProgramName): string {
  return `${name}_config.toml`; // spec: ima 2.12
}

async function template(name: ProgramName): Promise<string> {
  const { programSettings } = await import('../settings.ts');
  const { writeConfig } = await import('../../post/config-template.ts');
  const { settingTable } = await import('../../post/setting-tables.ts');
  const { z } = await import('zod');
  const head = `# Settings of ${name}. Each is shown at its default; take the # away to change it.`;
  const schema = z.strictObject({ [name]: settingTable(programSettings[name] as never, '') });
  return writeConfig(head, schema).trimEnd();
}

function helpOf({ name, about, usage, optionHelp = [] }: Program<ProgramName>): string {
  const options = [
    ...optionHelp,
    ['--config FILE', `its configuration; ${name}_config.toml where it runs when not given`],
    ['--print-config', 'write all settings with what they mean, and end'],
  ] as const;
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`);
  return [`${name} ${usage}`.trimEnd(), '', about, '', ...lines].join('\n');
}
