// The office's log: pino behind the house's own small interface, as JSON lines or as short lines for people.

import { isatty } from 'node:tty';
import { pino } from 'pino';
import { messageOf } from '../base/errors.ts';
import type { Log, LogFields } from '../base/log.ts';
import { OfficeError } from './errors.ts';
import type { Settings } from './settings.ts';

const STDERR = 2;
const OWNER_ONLY = 0o600;

export interface OfficeLog extends Log {
  /** Takes a new level, format and file, and opens the file anew under its name. Throws OfficeError `config`; the old goes on then. */
  use(settings: Settings['log']): void;
  close(): void;
}

/** Opens the log; `place` makes the file name in the settings absolute. Throws OfficeError `config`. */
export function openLog(settings: Settings['log'], place: (name: string) => string): OfficeLog {
  let sink = openSink(settings, place);
  const tell = (level: keyof Log) => (event: string, fields?: LogFields) => sink.logger[level](fields ?? {}, event);
  return {
    debug: tell('debug'),
    info: tell('info'),
    warn: tell('warn'),
    error: tell('error'),
    use(changed) {
      const before = sink;
      sink = openSink(changed, place);
      before.close();
    },
    close: () => sink.close(),
  };
}

function openSink({ level, format, file }: Settings['log'], place: (name: string) => string) {
  const target = openTarget(file === '' ? STDERR : place(file));
  target.on('error', () => {}); // a log that nobody reads any more must not stop the mail
  const forPeople = format === 'text' || (format === 'auto' && file === '' && isatty(STDERR));
  const sink = forPeople ? { write: (line: string) => target.write(textLine(line)) } : target;
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    sink,
  );
  return {
    logger,
    close() {
      if (file !== '') target.end();
    },
  };
}

function openTarget(dest: string | number) {
  try {
    return pino.destination({ dest, sync: true, mode: OWNER_ONLY });
  } catch (cause) {
    throw new OfficeError('config', `the log file cannot be opened: ${messageOf(cause)}`, {
      cause,
      remedy: 'correct [log] file; its folder must be there, and the office must be allowed to write it',
    });
  }
}

/** `12:30:01 info  sweep.done messages=3`, from one of pino's JSON lines. */
function textLine(json: string): string {
  const { level, time, event, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const figures = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(event)}${figures.join('')}\n`;
}
