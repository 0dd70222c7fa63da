// What an MBOX command is about: a path to a folder, a filter on its messages, or one message.   spec: immp 2.9, 2.15

import { BASE, type Imid, imid } from './imid.ts';
import { type Kind, PATTERNS } from './kind.ts';

const FILTERS = ['*', 'unread', 'read', 'important', 'flagged', 'pending'] as const;

export type Filter = (typeof FILTERS)[number] | { readonly since: bigint };

export interface Target {
  /** Whose mailbox; the session's own when it is not said. */
  readonly base?: Imid;
  /** Names from the top down, as they were written; none for the mailbox as a whole. */
  readonly folders: readonly string[];
  readonly filter?: Filter;
  readonly uuid?: string;
  /** How it was spelled, where there are two ways: it is echoed as it came.   spec: immp 1.10 */
  readonly spelled?: { readonly start?: ':'; readonly filter?: ':' };
}

const FOLDER = `[\\x21\\x24-\\x2B\\x2D\\x2E0-9\\x3C-\\x7E${PATTERNS.UTF8}]{1,64}`;
const FOLDER_QUOTED = FOLDER.replace('[', '[ ');

function pattern(folder: string): RegExp {
  const folders = `${folder}(?:/${folder})*`;
  return new RegExp(
    `^(?::(?<colon>${folders})|(?<base>${BASE})?/(?<slash>${folders})?)(?:(?<mark>::?)(?<filter>[*a-zA-Z0-9-]+))?(?:#(?<uuid>${PATTERNS.UUID}))?$`,
    'u',
  );
}

const BARE = pattern(FOLDER);
const QUOTED = pattern(FOLDER_QUOTED);

function readFilter(text: string): Filter | undefined {
  const lower = text.toLowerCase();
  const since = /^since-([0-9]{1,20})$/.exec(lower)?.[1];
  return since === undefined ? FILTERS.find((filter) => filter === lower) : { since: BigInt(since) };
}

function read(word: string): Target | undefined {
  const quoted = word.length > 2 && word.startsWith('"') && word.endsWith('"');
  const groups = (quoted ? QUOTED.exec(word.slice(1, -1)) : BARE.exec(word))?.groups;
  if (groups === undefined) return undefined;
  const { colon, base, slash, mark, filter: filterText, uuid } = groups;
  const filter = filterText === undefined ? undefined : readFilter(filterText);
  if (filterText !== undefined && filter === undefined) return undefined;
  const owner = base === undefined ? undefined : imid.read(base);
  const spelled = {
    ...(colon === undefined ? {} : { start: ':' as const }),
    ...(mark === ':' ? { filter: ':' as const } : {}),
  };
  return {
    ...(owner === undefined ? {} : { base: owner }),
    folders: (colon ?? slash)?.split('/') ?? [],
    ...(filter === undefined ? {} : { filter }),
    ...(uuid === undefined ? {} : { uuid: uuid.toLowerCase() }),
    ...(Object.keys(spelled).length === 0 ? {} : { spelled }),
  };
}

/** The target as one word, quoted when a folder's name holds a space. */
export function formatTarget({ base, folders, filter, uuid, spelled }: Target): string {
  const path = folders.join('/');
  const start = spelled?.start === ':' ? path : `/${path}`;
  const owner = base === undefined ? '' : imid.write(base);
  const chosen = filter === undefined ? '' : typeof filter === 'string' ? filter : `since-${filter.since}`;
  const filtered = chosen === '' ? '' : `${spelled?.filter ?? '::'}${chosen}`;
  const text = `${spelled?.start ?? ''}${owner}${start}${filtered}${uuid === undefined ? '' : `#${uuid}`}`;
  return text.includes(' ') ? `"${text}"` : text;
}

export const target: Kind<Target> = { read, write: formatTarget };

/** One or more targets with commas between them. */
export const targets: Kind<readonly Target[]> = {
  read(word) {
    const each = word.match(/"[^"]*"|[^",]+/gu) ?? [];
    if (each.join(',') !== word) return undefined;
    const found = each.map(read);
    return found.every((one) => one !== undefined) ? found : undefined;
  },
  write: (all) => all.map(formatTarget).join(','),
};
