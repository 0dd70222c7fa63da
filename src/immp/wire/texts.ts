// The texts of replies that carry values: written by the server, read by the client.   spec: immp 1.7, 2.15

import { formatImid, type Imid, imid } from './imid.ts';
import { flagWords, parameter, uuid as uuidKind } from './kind.ts';
import { formatTarget, type Target, target } from './target.ts';

/** `n1=… n2=…`, in order. Names are letters and digits; values have no spaces. */
export function writePairs(pairs: Readonly<Record<string, string | number>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Pairs of the greeting's 101 and of 303; whatever is no pair is passed over.   spec: immp 2.1 */
export function readPairs(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/(?:^| )([A-Za-z][A-Za-z0-9]*)=([^ "]+)/g)].map(([, name = '', value = '']) => [name, value]),
  );
}

const ACCEPTED = 'Authentication accepted for ';
export const accepted = {
  write: (account: Imid) => `${ACCEPTED}${formatImid(account)}`,
  read: (text: string) => (text.startsWith(ACCEPTED) ? imid.read(text.slice(ACCEPTED.length)) : undefined),
} as const;

/** What CHECK says of a folder. */
export interface FolderStatus {
  readonly target: Target;
  readonly unread: number;
  readonly total: number;
  /** Octets. */
  readonly size?: number;
  /** The number of the last change. */
  readonly modseq?: number;
}

export const folderStatus = {
  write: ({ target, unread, total, size, modseq }: FolderStatus) =>
    `${formatTarget(target)} ${writePairs({
      u: unread,
      t: total,
      ...(size === undefined ? {} : { s: size }),
      ...(modseq === undefined ? {} : { q: modseq }),
    })}`,
  read(text: string): FolderStatus | undefined {
    const [, path = '', pairs = ''] = /^("[^"]*"|[^ "]+)((?: [A-Za-z]=[^ "]+)+)$/.exec(text) ?? [];
    const values = readPairs(pairs);
    const where = target.read(path);
    const number = (name: string) =>
      /^[0-9]{1,15}$/.test(values.get(name) ?? '') ? Number(values.get(name)) : undefined;
    const [unread, total, size, modseq] = [number('u'), number('t'), number('s'), number('q')];
    if (where === undefined || unread === undefined || total === undefined) return undefined;
    return {
      target: where,
      unread,
      total,
      ...(size === undefined ? {} : { size }),
      ...(modseq === undefined ? {} : { modseq }),
    };
  },
} as const;

/** A line of a plain index. */
export interface IndexLine {
  readonly uuid: string;
  readonly flags: readonly string[];
  readonly size: number;
  readonly date: string;
  readonly from: string | undefined;
  readonly subject: string;
}

export const indexLine = {
  write({ uuid, flags, size, date, from, subject }: IndexLine): string {
    const plain = subject.replaceAll('"', "'").replace(/\p{Cc}/gu, ' '); // spec: immp 2.9
    return `${uuid} ${flags.length === 0 ? '-' : flagWords.write(flags)} ${size} ${date} ${from ?? '-'} "${plain}"`;
  },
  read(text: string): IndexLine | undefined {
    const [, id = '', words = '', size = '', date = '', from = '', subject = ''] =
      /^(\S+) (\S+) ([0-9]{1,15}) ([^ "]+) (\S+) (".*")$/u.exec(text) ?? [];
    const uuid = uuidKind.read(id);
    const flags = words === '-' ? [] : flagWords.read(words);
    const title = parameter.read(subject);
    if (uuid === undefined || flags === undefined || title === undefined) return undefined;
    if (from !== '-' && imid.read(from) === undefined) return undefined;
    return { uuid, flags, size: Number(size), date, from: from === '-' ? undefined : from, subject: title };
  },
} as const;

export const frame = {
  uuid: (uuid: string) => `UUID ${uuid}`,
  length: (octets: number) => `LENGTH ${octets}`,
  total: (octets: number, sha256: string) => `TOTAL ${octets} SHA256 ${sha256}`,
  /** What a line of a raw download announces.   spec: immp 2.9 */
  read(text: string): FrameLine | undefined {
    const [, uuid, length, total, sha256 = ''] =
      /^(?:UUID ([0-9A-Fa-f-]{36})|LENGTH ([0-9]{1,5})|TOTAL ([0-9]{1,15}) SHA256 ([0-9A-Fa-f]{64}))$/.exec(text) ?? [];
    if (uuid !== undefined)
      return uuidKind.read(uuid) === undefined ? undefined : { kind: 'uuid', uuid: uuid.toLowerCase() };
    if (length !== undefined)
      return Number(length) >= 1 && Number(length) <= MAX_FRAME
        ? { kind: 'length', octets: Number(length) }
        : undefined;
    return total === undefined ? undefined : { kind: 'total', octets: Number(total), sha256: sha256.toLowerCase() };
  },
} as const;

/** Octets of one frame.   spec: immp 2.9 */
export const MAX_FRAME = 65536;

export type FrameLine =
  | { readonly kind: 'uuid'; readonly uuid: string }
  | { readonly kind: 'length'; readonly octets: number }
  | { readonly kind: 'total'; readonly octets: number; readonly sha256: string };

export const delivered = {
  write: (uuid: string) => `${uuid} Delivered`,
  read: (text: string) => uuidKind.read(/^(\S+) Delivered$/.exec(text)?.[1] ?? ''),
} as const;

export const queued = {
  write: (uuid: string, domain: string) => `${uuid} Queued for ${domain}`,
  read: (text: string) => uuidKind.read(/^(\S+) Queued for \S+$/.exec(text)?.[1] ?? ''),
} as const;

/** The fingerprint of the key that the server will show next. */
export const nextKey = {
  write: (fingerprint: string) => writePairs({ next: fingerprint }),
  read(text: string): Buffer | undefined {
    const digits = readPairs(text).get('next') ?? '';
    return /^[0-9a-f]{64}$/.test(digits) ? Buffer.from(digits, 'hex') : undefined;
  },
} as const;
