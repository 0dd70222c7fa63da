// SET: what holds for this connection.   spec: immp 2.11

import { Refusal } from '../codes.ts';
import type { SessionSettings } from '../session.ts';
import type { Handler } from './command.ts';

const MAX_INLINE = 1048576;

export const set: Handler<'SET'> = async ({ setting }, answers) => {
  const { settings } = answers.session;
  if (setting === undefined) {
    await answers.sendAll('260', [`COMPRESSION=${settings.compression}`, `INLINE=${settings.inline}`]);
    return;
  }
  const { name, change } = setting;
  if (name !== 'COMPRESSION' && name !== 'INLINE') throw new Refusal('404');
  if (change !== undefined) {
    if (change.how !== '=') throw new Refusal('406');
    apply(settings, name, change.value.toUpperCase());
  }
  if (name === 'INLINE') await answers.send('260', `INLINE=${settings.inline}`);
  else if (change) await answers.send('260', `COMPRESSION=${settings.compression}`);
  else await answers.sendAll('260', [`COMPRESSION=${settings.compression}`, 'NONE GZIP']);
};

function apply(settings: SessionSettings, name: 'COMPRESSION' | 'INLINE', value: string): void {
  if (name === 'COMPRESSION' && (value === 'NONE' || value === 'GZIP')) settings.compression = value;
  else if (name === 'INLINE' && /^[0-9]{1,7}$/.test(value) && Number(value) <= MAX_INLINE)
    settings.inline = Number(value);
  else throw new Refusal('406');
}
