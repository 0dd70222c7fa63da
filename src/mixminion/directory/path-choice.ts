// Chooses the servers of paths as a specifier asks, so that each can reach the next and the last can deliver.
// spec: mixminion-directory 11

import { pick, type Random, randomInt, systemRandom } from '../../base/random.ts';
import { type Clock, DAY, startOfDay, systemClock } from '../../base/time.ts';
import { TAG_LENGTH } from '../packet/layout.ts';
import { instruct, type PathNode } from '../packet/path.ts';
import { type Instruction, RoutingType, relayTo } from '../packet/routing.ts';
import { type Address, type Exit, exitOf } from './address.ts';
import { type MessageTraits, type ServerDescriptor, sameNickname, type When } from './descriptor.ts';
import { NYM_EXIT_TYPE } from './descriptor-fields.ts';
import type { Directory } from './directory.ts';
import { PathError } from './errors.ts';
import type { PathElement, PathSpec } from './path-spec.ts';

const SPREAD = 1.5; // standard deviation of the number of servers that "~n" gives
const UNIFORM_STEPS = 2 ** 31 - 1;
/** Those that descriptors tell of. */
const KNOWN_EXITS: ReadonlySet<number> = new Set([RoutingType.DROP, RoutingType.SMTP, RoutingType.MBOX, NYM_EXIT_TYPE]);
const NO_INFO: Instruction = { routingType: RoutingType.DROP, routingInfo: Buffer.alloc(0) };

/** The servers in the order in which the packet passes them. A reply and a reply block have one leg only. */
export interface Path {
  readonly path1: readonly ServerDescriptor[];
  readonly path2?: readonly ServerDescriptor[];
}

/** Nicknames that random choices avoid, in any case. */
interface Blocked {
  readonly everywhere?: readonly string[];
  readonly asEntry?: readonly string[];
  readonly asExit?: readonly string[];
}

export interface PathRequest extends MessageTraits {
  readonly directory: Pick<Directory, 'getServers' | 'find' | 'isRecommended'>;
  readonly spec: PathSpec;
  /** What the last hop has to deliver to. A reply has none: its reply block knows. */
  readonly address?: Address;
  /** All servers are valid from here (now, when not given) ... */
  readonly from?: When;
  /** ... to here: the midnight that begins the day 24 hours later, when not given. */
  readonly until?: When;
  readonly blocked?: Blocked;
  /** One last hop for all paths, as a server that puts a message together needs it; so when `packets` is above 1. */
  readonly sameExit?: boolean;
  /** The descriptor in the file of that name, asked for a name that no server has. */
  readonly descriptorFile?: (name: string) => ServerDescriptor | undefined;
  /** Told what is unwise about the path but not wrong. */
  readonly onWarning?: (text: string) => void;
  readonly random?: Random;
  readonly clock?: Clock;
}

/** A place in a path that is being chosen; undefined where any server will do. */
type Slot = ServerDescriptor | undefined;

/** One path. Errors as `generatePaths`. */
export function generatePath(request: PathRequest): Path {
  const [path] = generatePaths(1, request);
  if (path === undefined) throw new PathError('no-path', 'no path was asked for');
  return path;
}

/**
 * `count` paths. Throws PathError `unknown-server` for a name without a descriptor that is valid all the time, and
 * `no-path` when the servers that are named, or those that are left, cannot form a path to the address;
 * PathTooLongError when a leg does not fit into one header.
 */
export function generatePaths(count: number, request: PathRequest): Path[] {
  const chooser = new PathChooser(request);
  const { spec, packets = 1, sameExit = packets > 1 } = request;
  const exit = sameExit && spec.kind !== 'reply' ? chooser.commonExit() : undefined;
  return Array.from({ length: count }, () => chooser.path(exit));
}

class PathChooser {
  readonly #request: PathRequest;
  readonly #random: Random;
  readonly #from: number;
  readonly #until: number;
  readonly #exit: Exit | undefined;
  readonly #fixedExit: ServerDescriptor | undefined;
  readonly #candidates: readonly ServerDescriptor[];
  readonly #exits: readonly ServerDescriptor[];
  readonly #named = new Map<string, ServerDescriptor>();

  constructor(request: PathRequest) {
    const { clock = systemClock, random = systemRandom, address, spec } = request;
    this.#request = request;
    this.#random = random;
    this.#from = Number(request.from ?? clock.now());
    this.#until = Number(request.until ?? startOfDay(this.#from + DAY));
    const exit = address === undefined || address.type === 'reply' ? undefined : exitOf(address);
    this.#exit = exit;
    this.#fixedExit = exit?.lastHop === undefined ? undefined : this.#resolve(exit.lastHop);
    if (exit !== undefined) this.#checkExit(exit, spec.components.at(-1)?.type !== 'random');
    this.#candidates = this.#live();
    this.#exits = this.#candidates.filter(
      (server) => !this.#isBlocked('asExit', server) && this.#obstacleAt(server) === undefined,
    );
  }

  #checkExit({ routingType, lastHop }: Exit, named: boolean): void {
    if (routingType === RoutingType.MBOX && lastHop === undefined && !named)
      throw noPath('an mbox address without a server needs a path that ends in a named server');
    if (!KNOWN_EXITS.has(routingType)) this.#warn('nobody can know which servers deliver to this exit type');
  }

  /** The last hop that all paths are to share; undefined when the specifier or the address names one. */
  commonExit(): ServerDescriptor | undefined {
    const named = this.#request.spec.components.at(-1)?.type !== 'random';
    return named || this.#fixedExit ? undefined : this.#chooseExit(this.#exits);
  }

  path(exit: ServerDescriptor | undefined): Path {
    const { spec } = this.#request;
    const { slots, legLength } = this.#layOut();
    const last = slots.length - 1;
    if (spec.kind !== 'reply' && slots[last] === undefined) slots[last] = exit ?? this.#exitBehind(slots[last - 1]);
    const servers: ServerDescriptor[] = [];
    for (const place of slots.keys()) {
      const server = slots[place] ?? this.#fill(slots, place);
      slots[place] = server;
      servers.push(server);
    }
    this.#check(servers);
    const legs = [servers.slice(0, legLength), servers.slice(legLength)] as const;
    this.#checkRoom(...legs);
    return spec.kind === 'forward' ? { path1: legs[0], path2: legs[1] } : { path1: servers };
  }

  /** The places of one path, with the named servers in theirs, and how many belong to the first leg. */
  #layOut(): { slots: Slot[]; legLength: number } {
    const { spec } = this.#request;
    const first = this.#expand(spec.path1);
    const second = this.#expand(spec.path2);
    const behind = spec.kind === 'reply' ? first : second;
    const lastSlot = behind.at(-1);
    const fixed = spec.kind === 'reply' ? undefined : this.#fixedExit;
    if (fixed && !(lastSlot && sameNickname(lastSlot, fixed))) behind.push(fixed);
    if (spec.kind !== 'forward') {
      if (behind.length === 0) behind.push(undefined);
      return { slots: behind, legLength: behind.length };
    }
    if (spec.lateSplit) {
      while (second.length < 2) second.unshift(undefined); // in front, so that a named exit stays the last
      return { slots: second, legLength: Math.ceil(second.length / 2) };
    }
    for (const leg of [first, second]) if (leg.length === 0) leg.push(undefined);
    return { slots: [...first, ...second], legLength: first.length };
  }

  #expand(elements: readonly PathElement[]): Slot[] {
    return elements.flatMap((element): Slot[] => {
      if (element.type === 'random') return new Array(this.#count(element)).fill(undefined);
      return [element.type === 'nickname' ? this.#resolve(element.name) : this.#accept(element.server)];
    });
  }

  #count({ n, approx }: { n: number; approx: boolean }): number {
    return approx ? Math.max(0, Math.trunc(n + SPREAD * normal(this.#random) + 0.5)) : n;
  }

  /** A server for a place between its neighbours. Repeats one of them when there is no other. */
  #fill(slots: readonly Slot[], place: number): ServerDescriptor {
    const neighbours = [slots[place - 1], slots[place + 1]];
    const fitting = this.#candidates.filter(
      (server) =>
        this.#mayStandAt(server, slots, place) && !neighbours.some((other) => other && sameNickname(other, server)),
    );
    if (fitting.length > 0) return pick(this.#random, fitting);
    const repeated = neighbours.find((server) => server && this.#mayStandAt(server, slots, place));
    if (repeated === undefined) throw noPath(`no server can take place ${place + 1} of the path`);
    this.#warn(`too few servers: ${repeated.nickname} stands twice in a row`);
    return repeated;
  }

  #mayStandAt(server: ServerDescriptor, slots: readonly Slot[], place: number): boolean {
    const [left, right] = [slots[place - 1], slots[place + 1]];
    if (left && !left.canRelayTo(server)) return false;
    if (right && !server.canRelayTo(right)) return false;
    if (place === 0 && (!server.acceptsClients || this.#isBlocked('asEntry', server))) return false;
    const isExit = place === slots.length - 1 && this.#request.spec.kind !== 'reply';
    return !isExit || !this.#isBlocked('asExit', server);
  }

  #exitBehind(left: Slot): ServerDescriptor {
    const apart = this.#exits.filter((exit) => !left || (left.canRelayTo(exit) && !sameNickname(left, exit)));
    return this.#chooseExit(apart.length > 0 ? apart : this.#exits);
  }

  #chooseExit(servers: readonly ServerDescriptor[]): ServerDescriptor {
    if (servers.length > 0) return pick(this.#random, servers);
    const obstacles = this.#candidates.map((server) => this.#obstacleAt(server) ?? 'blocked as exit');
    const counted = [...Map.groupBy(obstacles, (obstacle) => obstacle)];
    const reasons = counted.map(([obstacle, { length }]) => `${length} of ${obstacles.length}: ${obstacle}`);
    throw noPath(`no server can deliver this message (${reasons.join('; ') || 'there is none'})`);
  }

  /** What named servers may have brought in.   spec: mixminion-directory 11, "Checking before use" */
  #check(servers: readonly ServerDescriptor[]): void {
    for (const [place, server] of servers.entries()) {
      const next = servers[place + 1];
      if (!server.acceptsPackets) throw noPath(`${server.nickname} does not take packets of version 0.3`);
      if (place === 0 && !server.acceptsClients) throw noPath(`${server.nickname} takes nothing from clients`);
      if (next && !server.canRelayTo(next)) throw noPath(`${server.nickname} cannot send to ${next.nickname}`);
      const obstacle = next ? undefined : this.#obstacleAt(server);
      if (obstacle !== undefined) throw noPath(`${server.nickname} cannot deliver this message: ${obstacle}`);
    }
  }

  /** Whether each leg fits into a header.   spec: mixminion-directory 11, "Header capacity" */
  #checkRoom(first: readonly ServerDescriptor[], second: readonly ServerDescriptor[]): void {
    const { spec, packets = 1 } = this.#request;
    const [crossed] = second;
    const exit = this.#exit === undefined || packets > 1 ? NO_INFO : instructionOf(this.#exit);
    if (spec.kind === 'forward' && crossed) {
      instruct(first.map(nodeOf), relayTo(nodeOf(crossed).address, true), 1);
      instruct(second.map(nodeOf), exit, 2);
    } else instruct(first.map(nodeOf), exit, spec.kind === 'surb' ? 2 : 1);
  }

  /** Why a server cannot be the last hop. */
  #obstacleAt(server: ServerDescriptor): string | undefined {
    const { address, spec } = this.#request;
    return address === undefined || spec.kind === 'reply' ? undefined : server.obstacleTo(address, this.#request);
  }

  /** Of each recommended server that random choices may use, the descriptor published last. */
  #live(): ServerDescriptor[] {
    const latest = new Map<string, ServerDescriptor>();
    for (const server of this.#request.directory.getServers({ recommendedOnly: true })) {
      const usable =
        server.isValidFrom(this.#from, this.#until) && server.acceptsPackets && server.hostname !== undefined;
      if (!usable || this.#isBlocked('everywhere', server)) continue;
      const name = server.nickname.toLowerCase();
      const other = latest.get(name);
      if (other === undefined || other.fields.published < server.fields.published) latest.set(name, server);
    }
    const servers = [...latest.values()];
    if (servers.length <= 2)
      this.#warn(`servers to choose from: ${servers.length}; a path cannot avoid repeating them`);
    return servers;
  }

  #resolve(name: string): ServerDescriptor {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const { directory, descriptorFile } = this.#request;
    const server = directory.find(name, this.#from, this.#until) ?? descriptorFile?.(name);
    if (server === undefined) throw new PathError('unknown-server', `no valid server is called "${name.slice(0, 40)}"`);
    this.#named.set(name, this.#accept(server));
    if (!directory.isRecommended(server)) this.#warn(`${server.nickname} is not recommended`);
    if (this.#isBlocked('everywhere', server)) this.#warn(`${server.nickname} is blocked`);
    return server;
  }

  #accept(server: ServerDescriptor): ServerDescriptor {
    if (!server.isValidFrom(this.#from, this.#until))
      throw new PathError('unknown-server', `the descriptor of ${server.nickname} is not valid all that time`);
    if (server.hostname === undefined) throw noPath(`${server.nickname} takes no packets`);
    return server;
  }

  #isBlocked(where: keyof Blocked, server: ServerDescriptor): boolean {
    const names = this.#request.blocked?.[where] ?? [];
    return names.some((name) => name.toLowerCase() === server.nickname.toLowerCase());
  }

  #warn(text: string): void {
    this.#request.onWarning?.(text);
  }
}

/** A server as packets name it. Throws PathError `no-path` for one that takes no packets. */
export function nodeOf(server: ServerDescriptor): PathNode {
  const { hostname: host, port, keyId, packetKey } = server;
  if (host === undefined || port === undefined) throw noPath(`${server.nickname} takes no packets`);
  return { address: { form: 'host', host, port, keyId }, packetKey };
}

/** What the last hop is told, with zeros in the place of the tag. */
function instructionOf({ routingType, routingInfo, tagged }: Exit): Instruction {
  return { routingType, routingInfo: tagged ? Buffer.concat([Buffer.alloc(TAG_LENGTH), routingInfo]) : routingInfo };
}

/** A number from the standard normal distribution (Box and Muller's way). */
function normal(random: Random): number {
  const above = (randomInt(random, UNIFORM_STEPS) + 1) / UNIFORM_STEPS; // never 0, for the logarithm
  const turn = randomInt(random, UNIFORM_STEPS) / UNIFORM_STEPS;
  return Math.sqrt(-2 * Math.log(above)) * Math.cos(2 * Math.PI * turn);
}

function noPath(message: string): PathError {
  return new PathError('no-path', message);
}
