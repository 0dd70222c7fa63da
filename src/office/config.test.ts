import fc from 'fast-check';
import { parse, type TomlValue } from 'smol-toml';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { echo } from '../../test/support/echo-counter.ts';
import { textSetting } from '../post/setting-kinds.ts';
import { ConfigError, readConfig, writeConfig } from './config-file.ts';
import { counters } from './counters.ts';
import { settingsSchema } from './settings.ts';

const schema = settingsSchema([...counters, echo]);
const read = (text: string) => readConfig(text, 'postern.toml', schema);

function problems(text: string): string[] {
  try {
    read(text);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(({ line, key, message }) => `${line ?? '-'} ${key}: ${message}`);
  }
  return [];
}

/** The settings in a table and in its tables. */
function valuesIn(table: TomlValue): TomlValue[] {
  const isTable = typeof table === 'object' && !Array.isArray(table) && !(table instanceof Date);
  return isTable ? Object.values(table).flatMap(valuesIn) : [table];
}

describe('the template', () => {
  const template = writeConfig(schema);
  const uncommented = template.replace(/^#(?=[a-z0-9_]+ = )/gm, '');

  test('says nothing by itself: every setting is a comment', () => {
    const tables = Object.values(parse(template));
    expect(tables.length).toBeGreaterThan(5);
    expect(tables.flatMap(valuesIn)).toEqual([]);
    expect(read(template).settings).toEqual(read('').settings);
  });

  test('shows every setting at its default', () => {
    expect(uncommented).not.toBe(template);
    expect(read(uncommented).settings).toEqual(read('').settings);
    expect(Object.keys(parse(uncommented))).toEqual([
      'office',
      'tls',
      'log',
      'health',
      ...counters.map(({ name }) => name),
      'echo',
    ]);
  });

  test('explains every setting in the lines before it', () => {
    const lines = template.split('\n');
    const settings = lines.flatMap((line, index) => (/^#[a-z0-9_]+ = /.test(line) ? [index] : []));
    expect(settings.length).toBeGreaterThan(25);
    for (const index of settings) expect(lines[index - 1]).toMatch(/^# \S/);
    for (const line of lines) if (line.startsWith('# ')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('keeps what is given, and shows the rest', () => {
    const given = { office: { name: 'post.example' }, log: { level: 'warn' } };
    const written = writeConfig(schema, given);
    expect(parse(written)).toMatchObject(given);
    expect(read(written).given).toMatchObject(given);
    expect(written).toContain('\nname = "post.example"\n');
    expect(written).toContain('\n#sweep_every = "5 min"\n');
  });

  test('goes into tables within tables', () => {
    const table = (fields: Record<string, z.ZodType>): z.ZodType => (z.strictObject(fields) as z.ZodType).prefault({});
    const inner = table({ b: textSetting('y', 'B.') });
    const nested = table({ outer: table({ a: textSetting('x', 'A.'), inner }) });
    const text = writeConfig(nested).replace(/^#(?=[a-z]+ = )/gm, '');
    expect(parse(text)).toEqual({ outer: { a: 'x', inner: { b: 'y' } } });
  });
});

describe('what is wrong with a file', () => {
  test('all of it at once, each with its line', () => {
    const text = [
      '[office]',
      'nam = "x"',
      'message_size = "3 MiB"',
      '[smallmial]',
      '[log]',
      'level = "loud"',
      '[health]',
      'listen = ["192.0.2.1:5"]',
      '[tls]',
      'key = "a"',
      '[echo]',
      'colour = "red"',
    ].join('\n');
    expect(problems(text)).toEqual([
      '2 office.nam: there is no such setting; did you mean name?',
      '3 office.message_size: there is no such setting here; it belongs in [smallmail] or [immp] or [smtp]',
      '4 smallmial: there is no such setting; did you mean smallmail?',
      '6 log.level: write one of "debug", "info", "warn", "error"',
      expect.stringContaining('8 health.listen: only loopback addresses'),
      '9 tls: certificate and key belong together: set both or neither',
      '12 echo.colour: there is no such setting; there are listen, greeting',
    ]);
  });

  test('a dotted key has its line too', () => {
    expect(problems('\noffice.names = "x"\n')).toEqual([
      '2 office.names: there is no such setting; did you mean name?',
    ]);
  });

  test('broken TOML has its line', () => {
    expect(problems('[office]\nname = "x\n')).toEqual([expect.stringMatching(/^2 : \S+/)]);
  });

  test('the message lists it for people', () => {
    expect(() => read('[log]\nlevl = "info"')).toThrow(
      'postern.toml cannot be used:\n  line 2: log.levl: there is no such setting; did you mean level?',
    );
  });

  test('any text is read or refused with a ConfigError', () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '[office]',
        '[[log]]',
        '[log]',
        'name = 3',
        'level = "info"',
        'office.name = {}',
        'listen = [[]]',
      ),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        problems(lines.join('\n')); // throws anything else
      }),
    );
  });
});
