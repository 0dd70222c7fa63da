// `postern mix send`, `queue`, `flush`, `clean` and `count`.   spec: mixminion-server 9.1

import { DAY, startOfDay } from '../../base/time.ts';
import { clockOf } from '../../mixminion/client/client-settings.ts';
import type { Draft } from '../../mixminion/client/compose.ts';
import {
  type FlushReport,
  type FlushState,
  flushFolder,
  nameOf,
  networkOptions,
} from '../../mixminion/client/flushing.ts';
import { countPackets, type Headers } from '../../mixminion/client/package-message.ts';
import { parseAddress } from '../../mixminion/client/paths.ts';
import { sendPackets } from '../../mixminion/client/sending.ts';
import { Surb } from '../../mixminion/client/surb.ts';
import type { Address } from '../../mixminion/directory/address.ts';
import { AlreadySaid, UsageError } from '../command.ts';
import { harmless, print, printJson, showProgress } from '../output.ts';
import { type Desk, type MixOptions, openDesk, withClient, withDirectory } from './desk.ts';
import { readDescriptor, readInput } from './input.ts';

interface MessageOptions extends MixOptions {
  readonly to?: string;
  readonly replyBlock?: readonly string[];
  readonly replyBlockFd?: readonly number[];
  readonly input: string;
  readonly subject?: string;
  readonly from?: string;
  readonly inReplyTo?: string;
  readonly references?: string;
  readonly deliverFragments?: boolean;
  readonly path?: string;
}

export interface SendOptions extends MessageOptions {
  /** `true`: into the queue only. `false` (`--no-queue`): never there. */
  readonly queue?: boolean;
}

export async function sendMessage(options: SendOptions): Promise<void> {
  const desk = await openDesk(options);
  const draft = await draftOf(options);
  if (options.queue === false) return sendWithoutQueue(desk, draft);
  const ids = await withDirectory(desk, (client) => client.enqueue(draft));
  desk.tell({ status: 'PACKETS_QUEUED', packets: ids.length });
  if (options.queue) {
    if (options.json) printJson({ packets: ids.length, sent: 0, queued: ids.length, failures: [] });
    else print(`${inPackets(ids.length)} in the queue`);
    return;
  }
  report(desk, await deliver(desk, { only: ids }));
}

export interface FlushCommandOptions extends MixOptions {
  readonly count?: number;
}

export async function flush(servers: readonly string[], options: FlushCommandOptions): Promise<void> {
  const desk = await openDesk(options);
  const { count } = options;
  report(desk, await deliver(desk, { count, ...(servers.length === 0 ? {} : { servers }) }));
}

async function deliver(
  desk: Desk,
  which: { only?: readonly string[]; servers?: readonly string[]; count?: number | undefined },
) {
  return withBar(desk, (onProgress) =>
    flushFolder({
      folder: desk.folder,
      settings: desk.settings,
      onWarning: (text) => desk.note(`note: ${text}`),
      onWait: () => desk.note('another command is sending from this folder; waiting for it …'),
      onProgress,
      ...which,
    }),
  );
}

/** A bar on a terminal and lines for the front-end while packets leave. */
async function withBar<T>(desk: Desk, work: (onProgress: (state: FlushState) => void) => Promise<T>): Promise<T> {
  const bar = desk.options.quiet ? undefined : await showProgress('sending');
  try {
    return await work((state) => {
      bar?.update(state.sent + state.failed, state.total);
      desk.tell({ status: 'PACKETS_SENT', ...state });
    });
  } finally {
    bar?.stop();
  }
}

/** What became of the packets. Throws AlreadySaid when some did not leave. */
function report({ options }: Desk, { sent, failed, total, failures }: FlushReport, kept = true): void {
  const reasons = failures.map(({ server, error, packets }) => ({
    server: nameOf(server),
    packets,
    reason: error.message,
  }));
  if (options.json) printJson({ packets: total, sent, queued: kept ? failed : 0, failures: reasons });
  else if (total === 0) print('nothing waits to be sent');
  else if (sent > 0) print(`${inPackets(sent)} sent`);
  if (failed === 0) return;
  for (const { server, packets, reason } of reasons)
    print(harmless(`${inPackets(packets)} for ${server} not sent: ${reason}`), process.stderr);
  const next = kept ? 'They are in the queue: `postern mix flush` tries again.' : 'They are lost.';
  print(next, process.stderr);
  throw new AlreadySaid();
}

async function sendWithoutQueue(desk: Desk, draft: Draft): Promise<void> {
  const packets = await withDirectory(desk, (client) => client.compose(draft));
  const failures = new Map<string, FlushReport['failures'][number]>();
  let [sent, failed] = [0, 0];
  await withBar(desk, (onProgress) =>
    sendPackets(packets, {
      ...networkOptions(desk.settings),
      onResult({ firstHop }, error) {
        if (error === undefined) sent += 1;
        else {
          failed += 1;
          const name = nameOf(firstHop);
          failures.set(name, { server: firstHop, error, packets: (failures.get(name)?.packets ?? 0) + 1 });
        }
        onProgress({ sent, failed, total: packets.length });
      },
    }),
  );
  report(desk, { sent, failed, total: packets.length, failures: [...failures.values()] }, false);
}

/** `queue`: with a recipient it puts a message there, as the old program does; without one it shows what waits. */
export async function queue(options: SendOptions): Promise<void> {
  const isMessage = options.to !== undefined || options.replyBlock !== undefined || options.replyBlockFd !== undefined;
  return isMessage ? sendMessage({ ...options, queue: true }) : showQueue(options);
}

export async function showQueue(options: MixOptions): Promise<void> {
  const desk = await openDesk(options);
  const today = startOfDay(clockOf(desk.settings).now());
  const waiting = await withClient(desk, (client) => client.queue.list());
  const rows = [...Map.groupBy(waiting, ({ firstHop }) => nameOf(firstHop))].map(([server, packets]) => ({
    server,
    packets: packets.length,
    oldestDays: Math.max(...packets.map(({ queued }) => (today - queued.getTime()) / DAY)),
  }));
  rows.sort((a, b) => (a.server.toLowerCase() < b.server.toLowerCase() ? -1 : 1));
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('(No packets in queue)');
  for (const { server, packets, oldestDays } of rows)
    print(harmless(`${inPackets(packets)} for ${server} (oldest is ${oldestDays < 1 ? '<1' : oldestDays} days old)`));
}

export interface CleanOptions extends MixOptions {
  readonly days: number;
}

export async function clean(servers: readonly string[], options: CleanOptions): Promise<void> {
  const desk = await openDesk(options);
  const before = new Date(clockOf(desk.settings).now() - options.days * DAY);
  const removed = await withClient(desk, (client) =>
    client.queue.clean(before, servers.length === 0 ? undefined : servers),
  );
  if (options.json) printJson({ removed });
  else print(`${inPackets(removed)} removed`);
}

export interface CountOptions extends MessageOptions {
  /** The message answers a reply block, which is not needed to count. */
  readonly reply?: boolean;
}

export async function count(options: CountOptions): Promise<void> {
  const desk = await openDesk(options);
  if ((options.to === undefined) !== (options.reply ?? false))
    throw new UsageError('say for whom the message is', 'give --to ADDRESS, or --reply');
  const address: Address = options.to === undefined ? { type: 'reply' } : parseAddress(options.to);
  const message = await messageFor(address, options.input);
  const packets = countPackets(message, address, {
    headers: headersOf(options),
    ...reassemblyOf(options),
    onWarning: (text) => desk.note(`note: ${text}`),
  });
  desk.tell({ status: 'COUNT_PACKETS', packets });
  if (options.json) printJson({ packets });
  else print(`${packets} ${packets === 1 ? 'packet' : 'packets'} needed`);
}

async function draftOf(options: MessageOptions): Promise<Draft> {
  const to = await recipientOf(options);
  const address: Address = 'type' in to ? to : { type: 'reply' };
  const message = await messageFor(address, options.input);
  return { message, to, headers: headersOf(options), path: options.path, ...reassemblyOf(options) };
}

async function recipientOf(options: MessageOptions): Promise<Draft['to']> {
  const { replyBlock: files = [], replyBlockFd: descriptors = [] } = options;
  const isReply = files.length + descriptors.length > 0;
  if ((options.to === undefined) !== isReply)
    throw new UsageError('say for whom the message is', 'give either --to ADDRESS or --reply-block FILE');
  if (options.to !== undefined) return parseAddress(options.to);
  if (files.includes('-') && options.input === '-')
    throw new UsageError('the message and the reply blocks cannot both come from standard input', 'give --input FILE');
  const surbs: Surb[] = [];
  for (const file of files) surbs.push(...Surb.parseAll(await readInput(file, 'the reply blocks')));
  for (const descriptor of descriptors) surbs.push(...Surb.parseAll(await readDescriptor(descriptor)));
  if (surbs.length === 0) throw new UsageError('there is no reply block in what was given');
  return surbs;
}

function messageFor(address: Address, input: string): Promise<Buffer> | Buffer {
  if (address.type === 'drop' && input === '-') return Buffer.alloc(0);
  return readInput(input, 'your message');
}

function headersOf({ from, subject, inReplyTo, references }: MessageOptions): Headers {
  return {
    ...(from === undefined ? {} : { from }),
    ...(subject === undefined ? {} : { subject }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(references === undefined ? {} : { references }),
  };
}

function reassemblyOf({ deliverFragments }: MessageOptions): { reassembly?: 'client' } {
  return deliverFragments ? { reassembly: 'client' } : {};
}

function inPackets(count: number): string {
  return `${count} ${count === 1 ? 'packet' : 'packets'}`;
}
