// What one of the suite's programs is, and how it is run alone: its own configuration file, standard input and output, its exit status.
// spec: ima 1.3, 2.12

import { readFile } from 'node:fs/promises';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import type { ZodType } from 'zod';
import { codeOf, messageOf, PosternError } from '../../base/errors.ts';
import { type Random, systemRandom } from '../../base/random.ts';
import { type Clock, systemClock } from '../../base/time.ts';
import { ImaError } from '../errors.ts';
import { readSettings } from './kinds.ts';
import { type ProgramName, programSettings, type SettingsOf } from './settings.ts';

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
  /** A whole command line, or several. */
  readonly example: string;
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
    const settings = await settingsFor(program.name, typeof named === 'string' ? named : undefined);
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

/**
 * The settings of a program from the file named, the one of its own name in the working directory, or the defaults. Throws ConfigError with
 * all that is wrong in the file.
 */
export async function settingsFor<Name extends ProgramName>(name: Name, named = ''): Promise<SettingsOf<Name>> {
  const file = named || fileOf(name);
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (named === '' && codeOf(error) === 'ENOENT') return '';
    throw new ImaError('usage', `cannot read the configuration: ${messageOf(error)}`, { cause: error });
  });
  return ((await readQuickly(name, text)) ?? (await readWithCare(name, text, file))) as SettingsOf<Name>;
}

/** Undefined when anything is wrong. */
async function readQuickly(name: ProgramName, text: string): Promise<object | undefined> {
  if (text === '') return readSettings(programSettings[name], {});
  try {
    const { parse } = await import('smol-toml');
    const { [name]: table = {}, ...others } = parse(text);
    return Object.keys(others).length === 0 && typeof table === 'object'
      ? readSettings(programSettings[name], table)
      : undefined;
  } catch {
    return undefined;
  }
}

async function readWithCare(name: ProgramName, text: string, file: string): Promise<object> {
  const { readConfig } = await import('../../post/config-file.ts');
  const { settings } = readConfig(text, { file, schema: await schemaOf(name) });
  return settings[name] ?? {};
}

async function schemaOf(name: ProgramName): Promise<ZodType<Record<string, object>>> {
  const [{ z }, { tableOf }] = await Promise.all([import('zod'), import('../settings.ts')]);
  return z.strictObject({ [name]: tableOf(programSettings[name]) });
}

function fileOf(name: ProgramName): string {
  return `${name}_config.toml`; // spec: ima 2.12
}

async function template(name: ProgramName): Promise<string> {
  const { writeConfig } = await import('../../post/config-template.ts');
  const head = `# Settings of ${name}. Each is shown at its default; take the # away to change it.`;
  return writeConfig(head, await schemaOf(name)).trimEnd();
}

function helpOf({ name, about, usage, example, optionHelp = [] }: Program<ProgramName>): string {
  const options = [
    ...optionHelp,
    ['--config FILE', `its configuration; ${name}_config.toml where it runs when not given`],
    ['--print-config', 'write all settings with what they mean, for a file of them'],
  ] as const;
  const width = Math.max(...options.map(([option]) => option.length));
  const lines = options.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`);
  return [`${name} ${usage}`.trimEnd(), '', about, '', ...lines, '', 'Example:', `  ${example}`].join('\n');
}
