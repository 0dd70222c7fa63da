// `postern nym create` and `list`.

import type { Nymholder } from '../../nym/holder/holder.ts';
import { surbStock } from '../../nym/holder/tending.ts';
import { UsageError } from '../command.ts';
import { print, printJson, table } from '../output.ts';
import { type NymOptions, withNyms } from './desk.ts';

interface CreateOptions extends NymOptions {
  readonly or: readonly string[];
  readonly mbox?: boolean;
}

const PHASES = {
  asked: 'asked for, no answer yet',
  granted: 'granted, not open yet',
  open: 'open',
  refused: 'refused',
  closed: 'closed',
} as const;

export async function create(address: string, options: CreateOptions): Promise<void> {
  const at = address.lastIndexOf('@');
  if (at < 1) throw new UsageError('which server is to give out the name?', 'write NAME@DOMAIN, or any@DOMAIN');
  const [name, domain] = [address.slice(0, at), address.slice(at + 1)];
  const candidates = [name, ...options.or].map((word) => (word === 'any' ? '' : word));
  const { value: holder } = await withNyms(options, ({ nyms }) =>
    nyms.create(candidates, domain, options.mbox ?? false),
  );
  const { label, server, phrase } = holder.record;
  if (options.json) return printJson({ label, server, phrase, phase: holder.record.phase });
  print(`${label} is asked for at ${server.node}. Let \`postern nym receive\` have the mail that comes.`);
}

export async function list(options: NymOptions): Promise<void> {
  const { value: rows } = await withNyms({ ...options, send: false }, async ({ nyms, now }) =>
    nyms.all.map((holder) => describe(holder, now)),
  );
  if (options.json) return printJson(rows);
  if (rows.length === 0) return print('you have no nyms: postern nym create NAME@DOMAIN');
  const cells = rows.map(({ address, phase, unread, waiting, gauge, outstanding }) => {
    return [address, PHASES[phase], unread, waiting, gauge, outstanding.length];
  });
  print(table(['nym', 'state', 'unread', 'at the server', 'reply blocks', 'on the way'], cells));
  for (const { address, notes } of rows) for (const { text } of notes.slice(-3)) print(`${address}: ${text}`);
}

/** All that is known of a nym but its mail. */
export function describe(holder: Nymholder, now: number) {
  const { phase, status, outstanding, notes, changes, server } = holder.record;
  const stock = surbStock(holder.record, now);
  return {
    address: holder.address,
    server: server.node,
    phase,
    unread: holder.mails.filter(({ read }) => !read).length,
    waiting: status?.messages ?? 0,
    stock,
    gauge: gauge(stock.expected, stock.inFlight),
    outstanding: outstanding.map(({ what, sent }) => ({ what, sent })),
    changes: changes.length,
    status,
    notes,
  };
}

const FULL = 20;

/** `#######==...  14, 4 of them on the way` */
function gauge(expected: number, inFlight: number): string {
  const there = Math.max(0, Math.min(FULL, expected - inFlight));
  const coming = Math.max(0, Math.min(FULL, expected) - there);
  const bar = `${'#'.repeat(there / 2)}${'='.repeat(Math.ceil(coming / 2))}`.padEnd(FULL / 2, '.');
  return `${bar} ${expected}${inFlight > 0 ? `, ${inFlight} of them on the way` : ''}`;
}
