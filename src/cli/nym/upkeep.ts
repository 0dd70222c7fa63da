// `postern nym policy`, `rotate`, `shutdown`, `surbs`, `receive` and `daemon`.

import { readdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../base/errors.ts';
import { sleep, systemClock } from '../../base/time.ts';
import { clockOf } from '../../mixminion/client/client-settings.ts';
import type { Nyms, Receipt } from '../../nym/holder/nyms.ts';
import { policyOptions } from '../../nym/policy.ts';
import { agreed } from '../ask-person.ts';
import { UsageError, type YesOption } from '../command.ts';
import { openDesk } from '../mix/desk.ts';
import { readInput } from '../mix/input.ts';
import { facts, print, printJson } from '../output.ts';
import { type NymOptions, withNyms } from './desk.ts';
import { describe } from './names.ts';

const STDIN = '-';

export async function policy(
  option: string | undefined,
  value: string | undefined,
  options: NymOptions,
): Promise<void> {
  if (option === undefined || value === undefined) return showPolicy(option, options);
  const written = value === STDIN ? (await readInput(STDIN, 'the value')).toString('utf8') : value;
  const { packets } = await withNyms(options, ({ nyms }) => nyms.find(options.nym).setPolicy(option, written));
  if (options.json) printJson({ option, value: written, packets });
  else print(`${option} changes when the server has heard of it: \`postern nym policy\` shows what it has`);
}

async function showPolicy(option: string | undefined, options: NymOptions): Promise<void> {
  const { value: record } = await withNyms({ ...options, send: false }, async ({ nyms }) => {
    return nyms.find(options.nym).record;
  });
  const waiting = record.changes.flatMap((change) => ('option' in change ? [[change.option, change.value]] : []));
  const shown = policyOptions.filter((name) => option === undefined || name === option);
  if (options.json) return printJson({ policy: record.policy, waiting: Object.fromEntries(waiting) });
  const coming = new Map(waiting.map(([name, value]) => [name, value]));
  print(
    facts(
      shown.map((name) => {
        const next = coming.get(name);
        return [name, `${record.policy[name] ?? '(as the server has it)'}${next === undefined ? '' : ` -> ${next}`}`];
      }),
    ),
  );
}

export async function rotate(options: NymOptions & { readonly identity?: boolean }): Promise<void> {
  const keys = options.identity ? 'both' : 'encryption';
  const { packets } = await withNyms(options, ({ nyms }) => nyms.find(options.nym).rotate(keys));
  if (options.json) printJson({ keys, packets });
  else print('the new keys are used when the server has heard of them; old ones open old mail for 90 days');
}

export async function shutdown(options: NymOptions & YesOption & { readonly show?: boolean }): Promise<void> {
  if (!options.show) await agreed(`Close ${options.nym ?? 'the nym'} for ever?`, options.yes);
  const { value } = await withNyms({ ...options, send: options.send && !options.show }, async ({ nyms, client }) => {
    const holder = nyms.find(options.nym);
    const { to, line } = holder.shutdown();
    if (!options.show) {
      await client.enqueue({
        message: `${line}\n`,
        to: { type: 'email', address: to },
        headers: { subject: 'please' },
      });
    }
    return { address: holder.address, to, line };
  });
  if (options.json) return printJson(value);
  if (options.show)
    print(`A mail from anybody to ${value.to} with this line closes ${value.address} for ever:\n\n  ${value.line}`);
  else print(`the mail that closes ${value.address} for ever is on its way`);
}

export async function surbs(options: NymOptions): Promise<void> {
  const { value: found } = await withNyms({ ...options, send: false }, async ({ nyms, now }) => {
    return describe(nyms.find(options.nym), now);
  });
  if (options.json) return printJson(found);
  const { stock, status, outstanding } = found;
  const day = (time: number | undefined) => (time === undefined ? '-' : new Date(time).toISOString().slice(0, 16));
  print(
    facts([
      ['stock', found.gauge],
      ['server said', status === undefined ? 'nothing yet' : `${status.surbs} on ${day(status.at)}`],
      ['on the way', String(stock.inFlight)],
      ['next expiry', day(stock.nextExpiry)],
      ['not acknowledged', outstanding.map(({ what }) => what).join(', ') || 'nothing'],
    ]),
  );
}

export async function receive(files: readonly string[], options: NymOptions): Promise<void> {
  const inputs = files.length === 0 ? [STDIN] : files;
  const texts = await Promise.all(inputs.map((file) => readInput(file, 'the mail')));
  const { value: receipts, packets } = await withNyms(options, async ({ nyms }) => {
    const done: Receipt[] = [];
    for (const text of texts) done.push(await nyms.receive(text));
    return done;
  });
  if (options.json) return printJson({ receipts, packets });
  for (const receipt of receipts) report(receipt);
}

function report({ arrived, parts, others, flaws }: Receipt): void {
  for (const { address, mails, synopses } of arrived) {
    const what = [mails > 0 ? `${mails} mails` : '', synopses > 0 ? `${synopses} synopses` : ''].filter(Boolean);
    print(`${address}: ${what.join(', ') || 'word from the server'}`);
  }
  if (parts > 0) print(`${parts} parts of longer messages`);
  if (others > 0) print(`${others} anonymous messages for none of your nyms: see \`postern mix decode\``);
  for (const flaw of flaws) print(`not read: ${flaw}`, process.stderr);
}

interface DaemonOptions extends NymOptions {
  readonly maildir: readonly string[];
  /** Milliseconds. */
  readonly every: number;
  readonly once?: boolean;
}

export async function daemon(options: DaemonOptions): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const { settings } = await openDesk(options);
  const clock = options.once ? systemClock : clockOf(settings);
  for (;;) {
    try {
      const { value, messages, packets, waiting } = await withNyms(options, ({ nyms }) => round(nyms, options.maildir));
      if (options.json) printJson({ receipts: value, messages, packets, waiting });
      else for (const receipt of value) report(receipt);
    } catch (error) {
      if (options.once || error instanceof UsageError) throw error;
      print(`this round failed: ${messageOf(error)}`, process.stderr); // the next may be better
    }
    if (options.once) return;
    await sleep(clock, options.every, stop.signal);
    if (stop.signal.aborted) return;
  }
}

/** A mail is moved from `new` to `cur` when what was in it is kept. */
async function round(nyms: Nyms, maildirs: readonly string[]): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for (const maildir of maildirs) {
    for (const name of await newMails(join(maildir, 'new'))) {
      const receipt = await nyms.receive(await readFile(join(maildir, 'new', name)));
      receipts.push(receipt);
      const isOurs = receipt.arrived.length + receipt.parts > 0;
      if (isOurs) await rename(join(maildir, 'new', name), join(maildir, 'cur', `${name}:2,S`));
    }
  }
  return receipts;
}

async function newMails(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    throw new UsageError(`${folder} cannot be read (${codeOf(error)})`, 'is it a Maildir?');
  }
}
