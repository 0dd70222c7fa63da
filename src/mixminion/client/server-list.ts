// The known servers as lists of features, for people and scripts that choose among them.   spec: mixminion-directory 12

import type { ServerDescriptor } from '../directory/descriptor.ts';
import { compareNicknames } from '../directory/value-kinds.ts';
import type { ClientSettings } from './client-settings.ts';
import type { DirectoryStore } from './directory-store.ts';
import { Mix3BadArgsError } from './errors.ts';

/** What one server says of itself in one descriptor, or in all of them together. */
export interface ListedServer {
  readonly nickname: string;
  /** In the order in which they were asked for; values that differ from one descriptor to another have ` / ` between. */
  readonly features: readonly string[];
  /** The days on which all of it holds, as dates. */
  readonly from: string;
  readonly until: string;
}

export interface ServerQuestion {
  /** `caps`, `status`, `fingerprint`, `address`, `Section:Key`, or a key that only one section has. */
  readonly features: readonly string[];
  readonly recommendedOnly?: boolean | undefined;
  /** Only servers of these nicknames; all when there are none. */
  readonly names?: readonly string[] | undefined;
  /** A row for each descriptor instead of one for each server. */
  readonly each?: boolean | undefined;
}

type Store = Pick<DirectoryStore, 'getServers' | 'isRecommended'>;
type Blocks = ClientSettings['paths'];

/** The servers that are valid now or later, by name. Throws Mix3BadArgsError for a feature that cannot be meant. */
export function listServers(store: Store, blocks: Blocks, now: number, question: ServerQuestion): ListedServer[] {
  const { features, recommendedOnly = false, names = [], each = false } = question;
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  const found = store
    .getServers({ recommendedOnly, validUntil: now })
    .filter(({ nickname }) => wanted.size === 0 || wanted.has(nickname.toLowerCase()))
    .sort((a, b) => compareNicknames(a.nickname, b.nickname) || a.fields.validAfter - b.fields.validAfter);
  const keys = features.map((feature) => keyOf(feature, found));
  const featuresOf = (server: ServerDescriptor) => keys.map((key) => featureOf(server, key, { store, blocks }));
  const groups = each ? found.map((server) => [server]) : [...Map.groupBy(found, nameOf).values()];
  return groups.map((group) => {
    const rows = group.map(featuresOf);
    return {
      nickname: group[0]?.nickname ?? '',
      features: keys.map((_, column) => [...new Set(rows.map((row) => row[column] ?? ''))].join(' / ')),
      from: dayOf(Math.min(...group.map(({ fields }) => fields.validAfter))),
      until: dayOf(Math.max(...group.map(({ fields }) => fields.validUntil))),
    };
  });
}

/** `(ok)`, or what keeps random choices from a server.   spec: mixminion-directory 9 */
function statusOf(server: ServerDescriptor, store: Pick<Store, 'isRecommended'>, blocks: Blocks): string {
  const isIn = (names: readonly string[]) => names.some((name) => name.toLowerCase() === nameOf(server));
  const flaws = [
    store.isRecommended(server) ? '' : 'not recommended',
    isIn(blocks.block) ? 'blocked' : '',
    isIn(blocks.block_entries) ? 'blocked as entry' : '',
    isIn(blocks.block_exits) ? 'blocked as exit' : '',
  ].filter(Boolean);
  return `(${flaws.join(', ') || 'ok'})`;
}

const OWN = ['caps', 'status', 'fingerprint', 'address'] as const;
const OTHER_NAMES: Readonly<Record<string, (typeof OWN)[number]>> = { capabilities: 'caps' };

type FeatureKey = (typeof OWN)[number] | { readonly section: string; readonly key: string };

function keyOf(feature: string, servers: readonly ServerDescriptor[]): FeatureKey {
  const word = feature.toLowerCase();
  const own = OWN.find((name) => name === (OTHER_NAMES[word] ?? word));
  if (own !== undefined) return own;
  const colon = feature.indexOf(':');
  const [section, key] = colon < 0 ? [undefined, word] : [word.slice(0, colon), word.slice(colon + 1)];
  const places = new Map<string, FeatureKey>();
  for (const server of servers)
    for (const place of server.places)
      if (place.key.toLowerCase() === key && (section ?? place.section.toLowerCase()) === place.section.toLowerCase())
        places.set(`${place.section}:${place.key}`, place);
  const [only] = places.values();
  if (only === undefined) throw new Mix3BadArgsError(`no server says anything of "${feature.slice(0, 40)}"`);
  if (places.size > 1)
    throw new Mix3BadArgsError(`"${feature.slice(0, 40)}" could be ${[...places.keys()].sort().join(' or ')}`);
  return only;
}

function featureOf(
  server: ServerDescriptor,
  key: FeatureKey,
  { store, blocks }: { store: Store; blocks: Blocks },
): string {
  if (typeof key === 'object') return server.getFields(key.section, key.key).join(', ');
  switch (key) {
    case 'caps':
      return server.capabilities.join(' ');
    case 'status':
      return statusOf(server, store, blocks);
    case 'fingerprint':
      return server.fingerprint;
    case 'address':
      return server.hostname === undefined ? '' : `${server.hostname}:${server.port}`;
  }
}

function nameOf({ nickname }: ServerDescriptor): string {
  return nickname.toLowerCase();
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
