// `postern mix decode` and `fragments`.   spec: mixminion-server 9.1; mixminion-e2e 7

import { replaceFile } from '../../base/files.ts';
import { Mix3OvercompressedError } from '../../mixminion/client/errors.ts';
import type { FragmentPool, PooledMessage } from '../../mixminion/client/fragment-pool.ts';
import type { Reading } from '../../mixminion/client/reading.ts';
import { AlreadySaid, UsageError } from '../command.ts';
import { harmless, print, printJson } from '../output.ts';
import { type Desk, type MixOptions, openDesk, withClient, withPassphrase } from './desk.ts';
import { readInput } from './input.ts';

interface OutputOptions extends MixOptions {
  readonly output?: string;
  readonly force?: boolean;
}

export interface DecodeOptions extends OutputOptions {
  readonly input: string;
  readonly raw?: boolean;
}

export async function decode(options: DecodeOptions): Promise<void> {
  if (options.input === '-' && options.passphraseFd === 0)
    throw new UsageError('the mail and the passphrase cannot both come from standard input', 'give --input FILE');
  const desk = await openDesk(options);
  const text = await readInput(options.input, 'the mail');
  const { force = false, raw = false } = options;
  const readings = await withClient(desk, (client) => withPassphrase(desk, () => client.read(text, { force, raw })));
  for (const reading of readings) tellOf(desk, reading);
  const messages = readings.flatMap((reading) => (reading.kind === 'message' ? [reading.message] : []));
  if (options.json) printJson(readings.map(asJson));
  await writeMessages(messages, options);
  for (const reading of readings) explain(desk, reading);
  if (readings.length === 0) print('There is no anonymous message in this.', process.stderr);
  if (readings.length === 0 || readings.some(({ kind }) => kind === 'failed' || kind === 'overcompressed'))
    throw new AlreadySaid();
}

function tellOf({ tell }: Desk, reading: Reading): void {
  if (reading.kind === 'fragment') {
    const { shortId, have, need } = reading.pooled;
    tell({ status: 'FRAGMENT_STORED', id: shortId, have, need });
  } else {
    const octets = reading.kind === 'message' ? reading.message.length : 0;
    tell({ status: 'MESSAGE_DECODED', kind: reading.kind, octets });
  }
}

/** What a person has to know beside the messages themselves. */
function explain({ note, options }: Desk, reading: Reading): void {
  switch (reading.kind) {
    case 'message':
      if (reading.identity !== undefined && options.verbose)
        note(`a reply to ${reading.identity === '' ? 'your default identity' : harmless(reading.identity)}`);
      return;
    case 'overcompressed':
      print('A message would inflate far beyond its size, as traps do: --force reads it.', process.stderr);
      return;
    case 'failed':
      print(`A message cannot be read: ${reading.error.message}`, process.stderr);
      return;
    case 'fragment':
      note(fragmentNote(reading));
  }
}

function fragmentNote({ result, pooled }: Reading & { kind: 'fragment' }): string {
  if (result === 'rejected') return `a fragment does not fit the others of ${pooled.shortId}: that message is given up`;
  if (pooled.ready) return `a message is complete: postern mix fragments assemble ${pooled.shortId}`;
  return `a fragment of ${lineOf(pooled)}`;
}

function asJson(reading: Reading) {
  switch (reading.kind) {
    case 'message':
      return { kind: 'message', ...contentOf(reading.message), identity: reading.identity };
    case 'fragment':
      return { kind: 'fragment', result: reading.result, ...rowOf(reading.pooled) };
    case 'overcompressed':
      return { kind: 'overcompressed', octets: reading.compressed.length };
    case 'failed':
      return { kind: 'failed', reason: reading.error.message };
  }
}

/** Octets as a text when they are one. */
function contentOf(message: Buffer): { text: string } | { base64: string } {
  return isText(message) ? { text: message.toString('utf8') } : { base64: message.toString('base64') };
}

export async function listFragments(options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  const open = await withClient(desk, async ({ fragments }) => await openMessages(fragments));
  if (options.json) return printJson(open.map(rowOf));
  if (open.length === 0) return print('(No fragments being reassembled)');
  for (const message of open) print(harmless(lineOf(message)));
}

export interface AssembleOptions extends OutputOptions {
  readonly purge?: boolean;
}

export async function assembleFragments(ids: readonly string[], options: AssembleOptions): Promise<void> {
  const desk = await openDesk(options);
  const { force = false, purge = false } = options;
  await withClient(desk, async ({ fragments }) => {
    const messages: Buffer[] = [];
    for (const id of ids) {
      // What is nobody's reply came without headers.   spec: mixminion-e2e 2
      const { identity } = await fragments.status(id);
      messages.push(await fragments.assemble(id, { force, stripHeaders: identity !== '---' }).catch(withHint));
    }
    if (options.json) printJson(messages.map((message, place) => ({ id: ids[place], ...contentOf(message) })));
    await writeMessages(messages, options);
    if (purge) for (const id of ids) await fragments.remove(id);
  });
}

function withHint(error: unknown): never {
  if (!(error instanceof Mix3OvercompressedError)) throw error;
  throw new UsageError('the message would inflate far beyond its size, as traps do', '--force reads it');
}

export async function purgeFragments(ids: readonly string[], options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  await withClient(desk, async ({ fragments }) => {
    for (const id of ids) await fragments.remove(id);
  });
  if (options.json) printJson({ removed: ids });
  else print(`${ids.length} ${ids.length === 1 ? 'message' : 'messages'} forgotten`);
}

async function openMessages(fragments: FragmentPool): Promise<PooledMessage[]> {
  return (await fragments.list()).filter(({ status }) => status === 'open');
}

/** spec: mixminion-e2e 7 */
function lineOf({ shortId, identity, size, have, need }: PooledMessage): string {
  return `${shortId}: to ${identity}. ${size} bytes (${have}/${need} packets received)`;
}

function rowOf({ shortId, identity, size, have, need, ready }: PooledMessage) {
  return { id: shortId, identity, size, have, need, ready };
}

/** One after another, into a file or on standard output; a terminal gets text only, unless told otherwise. */
async function writeMessages(
  messages: readonly Buffer[],
  { output = '-', force = false, json }: OutputOptions,
): Promise<void> {
  const all = Buffer.concat(messages);
  if (output !== '-') return replaceFile(output, all);
  if (json) return; // it holds them
  if (process.stdout.isTTY && !force && !isText(all))
    throw new UsageError('this is no text, and might confuse your terminal', 'give --output FILE, or --force');
  process.stdout.write(all);
}

/** Whether octets are UTF-8 without anything that moves the cursor or turns the line around. */
function isText(octets: Buffer): boolean {
  const text = octets.toString('utf8');
  return Buffer.from(text).equals(octets) && harmless(text.replace(/[\t\n\r]/g, '')) === text.replace(/[\t\n\r]/g, '');
}
