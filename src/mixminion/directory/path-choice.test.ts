// Paths through made-up networks: what the choice must keep to, whatever the network, and what it says when it cannot.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clock, descriptorOf, directoryOf, seeded, TODAY } from '../../../test/support/mixminion-directory.ts';
import { mixminionVectors } from '../../../test/support/vectors.ts';
import { DAY } from '../../base/time.ts';
import { RsaPublicKey } from '../../crypto/rsa.ts';
import { PathTooLongError } from '../packet/errors.ts';
import { type Address, parseAddress } from './address.ts';
import type { ServerDescriptor } from './descriptor.ts';
import { PathError } from './errors.ts';
import { generatePath, generatePaths, type Path, type PathRequest } from './path-choice.ts';
import { type PathKind, PathSpec } from './path-spec.ts';

const NAMES = ['Ash', 'Beech', 'Cedar', 'Doum', 'Elm', 'Fir', 'Gum'];
const all = NAMES.map((name) => descriptorOf(name));
const directory = directoryOf(all);
const relayOnly = { mbox: undefined, smtp: undefined, maximumFragments: undefined };

function request(spec: string, changes: Partial<PathRequest> = {}, kind: PathKind = 'forward'): PathRequest {
  return { directory, spec: PathSpec.parse(spec, { kind }), random: seeded(3), clock, ...changes };
}

const serversOf = ({ path1, path2 = [] }: Path) => [...path1, ...path2];
const namesOf = (path: Path) => serversOf(path).map(({ nickname }) => nickname);

// spec: mixminion-directory 11
describe('in any network', () => {
  const protocols = fc.constantFrom(['0.3'], ['0.3', '0.4'], ['0.4']);
  const server = fc.record({
    incoming: protocols,
    outgoing: fc.option(protocols, { nil: undefined }),
    smtp: fc.option(fc.record({ maximumSize: fc.constantFrom(32, 64), allowFrom: fc.boolean() }), { nil: undefined }),
    days: fc.constantFrom(0, 1, 30),
    packetVersions: fc.constantFrom(['0.3'], ['0.4']),
  });
  const networks = fc.array(server, { minLength: 3, maxLength: 9 }).map((traits) =>
    traits.map(({ incoming, outgoing, smtp, days, packetVersions }, index) =>
      descriptorOf(`Mix${index}`, {
        incoming: { hostname: `mix${index}.example.net`, port: 48099, protocols: incoming, rules: [] },
        outgoing: outgoing && { protocols: outgoing, rules: [] },
        smtp,
        validUntil: TODAY + Math.max(1, days) * DAY,
        validAfter: TODAY - (days === 0 ? 5 : 0) * DAY,
        packetVersions,
      }),
    ),
  );
  const specs = fc.constantFrom('~5', '*4', '?,?:?', '*2:*3', '~3,?', '?,Mix1', '*2:Mix0,?');
  const cases = fc.record({
    network: networks,
    spec: specs,
    kind: fc.constantFrom<PathKind>('forward', 'surb', 'reply'),
    size: fc.constantFrom(0, 20_000, 40_000, 60_000),
    from: fc.boolean(),
    seed: fc.nat(255),
  });

  type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

  test('the choice keeps to its constraints, and a seed to its choice', () => {
    let found = 0;
    const check = ({ network, spec, kind, size, from, seed }: Case) => {
      if (kind !== 'forward' && spec.includes(':')) return;
      const warnings: string[] = [];
      const address: Address | undefined = kind === 'reply' ? undefined : { type: 'email', address: 'a@example.org' };
      const choose = () =>
        generatePath({
          directory: directoryOf(network),
          spec: PathSpec.parse(spec, { kind }),
          ...(address && { address }),
          size,
          headers: from ? { FROM: 'me' } : {},
          random: seeded(seed),
          clock,
          onWarning: (text) => warnings.push(text),
        });
      let path: Path;
      try {
        path = choose();
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
        expect(choose).toThrow(String((error as Error).message));
        return;
      }
      found += 1;
      expect(namesOf(choose())).toEqual(namesOf(path));
      const servers = serversOf(path);
      expect(path.path2 === undefined).toBe(kind !== 'forward');
      expect(path.path1.length).toBeGreaterThan(0);
      if (kind === 'forward') expect(path.path2?.length).toBeGreaterThan(0);
      expect(servers[0]?.acceptsClients).toBe(true);
      if (address)
        expect(servers.at(-1)?.supportsAddress(address, { size, headers: from ? { from: 'me' } : {} })).toBe(true);
      const few = warnings.some((text) => text.includes('too few'));
      for (const [place, current] of servers.entries()) {
        const next = servers[place + 1];
        expect(current.acceptsPackets).toBe(true);
        expect(current.isValidFrom(clock.now(), TODAY + DAY)).toBe(true);
        if (next) expect(current.canRelayTo(next)).toBe(true);
        if (next && !few && !spec.includes('Mix')) expect(next.nickname).not.toBe(current.nickname);
      }
    };
    fc.assert(fc.property(cases, check), { numRuns: 60 });
    expect(found).toBeGreaterThan(10);
  });
});

describe('the lengths', () => {
  test('"*n" gives n servers, cut in the middle', () => {
    const path = generatePath(request('*5'));
    expect([path.path1.length, path.path2?.length]).toEqual([3, 2]);
  });

  test('"~n" gives about n: its mean is n, and it spreads', () => {
    const paths = generatePaths(400, request('?:~5', { directory: directoryOf(all) }));
    const lengths = paths.map(({ path2 = [] }) => path2.length);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(mean).toBeGreaterThan(4.7);
    expect(mean).toBeLessThan(5.3);
    expect(new Set(lengths).size).toBeGreaterThan(4);
  });

  test('each server of a free place is as likely as any other', () => {
    const counts = new Map(NAMES.map((name) => [name, 0]));
    for (const path of generatePaths(1400, request('?', {}, 'reply')))
      for (const name of namesOf(path)) counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(60);
  });

  test('an explicit crossover stays where it was put, and no leg is empty', () => {
    const path = generatePath(request('Ash:Beech,Cedar'));
    expect(path.path1.map(({ nickname }) => nickname)).toEqual(['Ash']);
    expect(namesOf(path)).toEqual(['Ash', 'Beech', 'Cedar']);
    const filled = generatePath(request('*0:*2'));
    expect([filled.path1.length, filled.path2?.length]).toEqual([1, 2]);
    const short = generatePath(request('*2:*0'));
    expect([short.path1.length, short.path2?.length]).toEqual([2, 1]);
    for (let seed = 0; seed < 30; seed += 1)
      for (const kind of ['reply', 'surb'] as const)
        expect(generatePath(request('~1', { random: seeded(seed) }, kind)).path1.length).toBeGreaterThan(0);
  });

  test('a path that does not fit into its header is refused, leg by leg', () => {
    expect(() => generatePath(request('*48'))).toThrow(PathTooLongError);
    expect(() => generatePath(request('?:*20'))).toThrow(expect.objectContaining({ leg: 2 }));
    expect(() => generatePath(request('*20:?'))).toThrow(expect.objectContaining({ leg: 1 }));
    const long: Address = { type: 'other', routingType: 0x1000, routingInfo: Buffer.alloc(1600) };
    expect(() => generatePath(request('?:*4', { address: long }))).toThrow(expect.objectContaining({ leg: 2 }));
    expect(serversOf(generatePath(request('?:*4')))).toHaveLength(5);
  });
});

// spec: mixminion-directory 10, 11
describe('the last hop', () => {
  const exits = [
    descriptorOf('Ash', relayOnly),
    descriptorOf('Beech', relayOnly),
    descriptorOf('Cedar'),
    descriptorOf('Doum'),
  ];

  test('is one that can deliver', () => {
    const address = parseAddress('someone@example.org');
    const paths = generatePaths(40, request('*3', { directory: directoryOf(exits), address }));
    expect(new Set(paths.map((path) => namesOf(path).at(-1)))).toEqual(new Set(['Cedar', 'Doum']));
  });

  test('is one for all packets of a message that it puts together', () => {
    const address = parseAddress('someone@example.org');
    for (let seed = 0; seed < 10; seed += 1) {
      const paths = generatePaths(
        8,
        request('*3', { directory: directoryOf(exits), address, packets: 8, random: seeded(seed) }),
      );
      expect(new Set(paths.map((path) => namesOf(path).at(-1))).size).toBe(1);
    }
    expect(() => generatePaths(2, request('*3', { address, packets: 23 }))).toThrow('no server can deliver');
  });

  test('is the one that an address names, once', () => {
    const address = parseAddress('mbox:bob@cedar');
    expect(namesOf(generatePath(request('*3', { address }))).at(-1)).toBe('Cedar');
    expect(namesOf(generatePath(request('*3', { address })))).toHaveLength(4);
    expect(namesOf(generatePath(request('Ash,Beech,Cedar', { address })))).toEqual(['Ash', 'Beech', 'Cedar']);
    expect(() => generatePath(request('*3', { address: parseAddress('mbox:bob@nobody') }))).toThrow(
      expect.objectContaining({ code: 'unknown-server' }),
    );
  });

  test('has to be named for an mbox address without a server, and stays the last', () => {
    const address = parseAddress('mbox:bob');
    expect(() => generatePath(request('*3', { address }))).toThrow(expect.objectContaining({ code: 'no-path' }));
    for (let seed = 0; seed < 30; seed += 1)
      expect(namesOf(generatePath(request('~1,Cedar', { address, random: seeded(seed) }))).at(-1)).toBe('Cedar');
  });

  test('is refused when it is named and cannot deliver', () => {
    const address = parseAddress('someone@example.org');
    const ask = request('?,Ash', { directory: directoryOf(exits), address });
    expect(() => generatePath(ask)).toThrow('Ash cannot deliver');
    const warnings: string[] = [];
    generatePath({ ...ask, address: parseAddress('0x1000:x'), onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual(['nobody can know which servers deliver to this exit type']);
  });
});

describe('names', () => {
  test('are found in any case, and in files', () => {
    const file = descriptorOf('Holly');
    const descriptorFile = (name: string) => (name === './holly.desc' ? file : undefined);
    const warnings: string[] = [];
    const path = generatePath(
      request('ASH,./holly.desc', { descriptorFile, onWarning: (text) => warnings.push(text) }),
    );
    expect(namesOf(path)).toEqual(['Ash', 'Holly']);
    expect(warnings).toEqual(['Holly is not recommended']);
    expect(() => generatePath(request('Ash,./other.desc', { descriptorFile }))).toThrow(
      expect.objectContaining({ code: 'unknown-server' }),
    );
  });

  test('may stand as descriptors', () => {
    const holly = descriptorOf('Holly');
    const spec = new PathSpec([
      { type: 'nickname', name: 'Ash' },
      { type: 'descriptor', server: holly },
    ]);
    expect(namesOf(generatePath({ ...request('?,?'), spec }))).toEqual(['Ash', 'Holly']);
    expect(() => generatePath({ ...request('?,?'), spec, until: TODAY + 60 * DAY })).toThrow(PathError);
  });

  // spec: mixminion-directory 9, 11
  test('of blocked servers are warned of, and the choice avoids those', () => {
    const blocked = { everywhere: ['ash'], asEntry: ['Beech'], asExit: ['Cedar'] };
    const warnings: string[] = [];
    for (const path of generatePaths(60, request('*3', { blocked }))) {
      const names = namesOf(path);
      expect(names).not.toContain('Ash');
      expect(names[0]).not.toBe('Beech');
      expect(names.at(-1)).not.toBe('Cedar');
    }
    const path = generatePath(request('Ash,?', { blocked, onWarning: (text) => warnings.push(text) }));
    expect(namesOf(path)[0]).toBe('Ash');
    expect(warnings).toEqual(['Ash is blocked']);
  });

  test('of servers that cannot reach each other make no path', () => {
    const deaf = descriptorOf('Deaf', { incoming: undefined });
    const mute = descriptorOf('Mute', { outgoing: undefined });
    const odd = descriptorOf('Odd', { incoming: { hostname: 'odd.example', port: 1, protocols: ['9'], rules: [] } });
    const newer = descriptorOf('Newer', { packetVersions: ['0.4'] });
    const small = directoryOf([...all, deaf, mute, odd, newer]);
    for (const [spec, problem] of [
      ['Ash,Deaf', 'Deaf takes no packets'],
      ['Mute,Ash', 'Mute cannot send to Ash'],
      ['Odd,Ash', 'Odd takes nothing from clients'],
      ['Ash,Newer', 'Newer does not take packets'],
    ] as const)
      expect(() => generatePath(request(spec, { directory: small }))).toThrow(problem);
  });
});

// spec: mixminion-directory 3.4, 11
test('of several descriptors the one published last counts, if it holds all the time', () => {
  const earlier = descriptorOf('Ash', { published: TODAY - DAY, validAfter: TODAY - DAY, packetKey: otherKey() });
  const later = descriptorOf('Ash', { validUntil: TODAY + 2 * DAY });
  const both = directoryOf([earlier, later, ...all.slice(1, 3)]);
  const named = (until?: number) =>
    generatePath(request('Ash,?', { directory: both, ...(until && { until }) })).path1[0]?.digest;
  expect(named()).toEqual(later.digest);
  expect(named(TODAY + 7 * DAY)).toEqual(earlier.digest);
});

test.each([
  [1, 'servers to choose from: 1; a path cannot avoid repeating them'],
  [2, 'servers to choose from: 2; a path cannot avoid repeating them'],
])('with %i servers a path repeats them, and says so', (count, warning) => {
  const warnings: string[] = [];
  const few: readonly ServerDescriptor[] = all.slice(0, count);
  const path = generatePath(request('*5', { directory: directoryOf(few), onWarning: (text) => warnings.push(text) }));
  expect(serversOf(path)).toHaveLength(5);
  expect(warnings[0]).toBe(warning);
});

test('without servers there is no path', () => {
  expect(() => generatePath(request('*3', { directory: directoryOf([]) }))).toThrow(PathError);
});

/** Another packet key, so that a descriptor tells which it is. */
function otherKey(): RsaPublicKey {
  const { descriptors } = mixminionVectors<{ descriptors: { packet_key_der: string }[] }>('descriptors');
  return RsaPublicKey.fromDer(Buffer.from(descriptors[0]?.packet_key_der ?? '', 'hex'));
}
