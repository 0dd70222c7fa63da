// Days of directory servers: alone, in agreement, with one missing, late or of another mind, and over restarts.
// spec: mixminion-directory 4, 5, 7

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  openAuthorities,
  ownDescriptor,
  type TestAuthorities,
  type TestAuthority,
} from '../../../test/support/authorities.ts';
import { TODAY } from '../../../test/support/mixminion-directory.ts';
import { DAY, HOUR, MINUTE } from '../../base/time.ts';
import { Directory } from '../directory/directory.ts';
import { putReliabilities } from '../directory/reliability.ts';

const TOMORROW = TODAY + DAY;
let network: TestAuthorities;
afterEach(() => network[Symbol.asyncDispose]());

/** The directory that an authority has for a day, as a client checks it. */
async function directoryOf(authority: TestAuthority, day = TOMORROW, file: 'new' | 'old' = 'new'): Promise<Directory> {
  const text = await authority.text(day, file);
  return Directory.parse(text ?? '', { knownServers: network.known, clock: network.clock });
}

function at(place: number): TestAuthority {
  const found = network.all[place];
  if (found === undefined) throw new Error(`no authority ${place}`);
  return found;
}

/** A day has been made, and the next one has yet to begin. */
async function evening(): Promise<void> {
  for (const one of network.all) await one.days.write(TODAY, 'old', '');
  await network.run(TOMORROW - 95 * MINUTE);
}

describe('alone', () => {
  beforeEach(async () => {
    network = await openAuthorities(['Elder']);
    await at(0).approve('Amber', 'Birch');
  });

  test('a first start makes the directory of today at once, in both formats', async () => {
    await at(0).rounds.step();
    expect(at(0).days.current()).toBe(TODAY);
    for (const file of ['new', 'old'] as const) {
      const directory = await directoryOf(at(0), TODAY, file);
      expect(directory.version).toBe(file === 'new' ? '0.3' : '0.2');
      expect(directory.isCurrent()).toBe(true);
      expect(directory.recommendedNicknames).toEqual(['amber', 'birch']);
      expect(directory.descriptorCount).toBe(2);
      expect(directory.recommendedVersions.client).toEqual(['0.0.7.1', '0.0.8alpha3']);
      expect(directory.signers().map(({ fingerprint }) => fingerprint)).toEqual([network.known[0]?.fingerprint]);
      expect(directory.warnings).toEqual([]);
    }
    expect(at(0).told).toEqual([]);
  });

  test('each midnight the next one counts, and old days go after a month', async () => {
    await network.run(TOMORROW - 1);
    expect(at(0).days.current()).toBe(TODAY);
    await network.run(TOMORROW);
    expect(at(0).days.current()).toBe(TOMORROW);
    await network.clock.advance(31 * DAY);
    await at(0).rounds.step();
    expect(at(0).days.current()).toBe(TOMORROW + 31 * DAY);
    expect(await at(0).text(TODAY, 'new')).toBeUndefined();
    expect((await directoryOf(at(0), TOMORROW + 31 * DAY)).descriptorCount).toBe(0); // all have expired
    expect(await at(0).register.shelf.servers()).toEqual([]);
  });

  test('a restart between any two steps changes nothing', async () => {
    await network.run(TOMORROW - 100 * MINUTE);
    for (let now = network.clock.now(); now < TOMORROW; now += 5 * MINUTE) {
      await at(0).restart();
      await network.run(now + 5 * MINUTE);
    }
    expect(at(0).days.current()).toBe(TOMORROW);
    expect((await directoryOf(at(0))).descriptorCount).toBe(2);
    expect(at(0).told).toEqual([]);
  });

  test('renewed by hand, it holds who came since', async () => {
    await at(0).rounds.step();
    await at(0).approve('Cedar');
    expect(await at(0).rounds.renew()).toBe(true);
    expect((await directoryOf(at(0), TODAY)).recommendedNicknames).toEqual(['amber', 'birch', 'cedar']);
    expect((await directoryOf(at(0), TODAY, 'old')).descriptorCount).toBe(3);
  });

  test('listed without being recommended: the abstained, and who answers too few pings', async () => {
    await at(0).approve('Cedar');
    const { fingerprint } = ownDescriptor('Birch');
    await at(0).register.vote({ vote: 'abstain', nickname: 'Birch', fingerprint });
    const found = new Map([[ownDescriptor('Amber').fingerprint, 0.4]]);
    await putReliabilities(at(0).post.store, found, network.clock.now());
    at(0).rounds.use({
      url: at(0).url,
      others: network.known, // itself, as all voters may share one list
      recommendedVersions: { client: [], server: [] },
      leastReliability: 0.5,
    });
    await at(0).rounds.step();
    const directory = await directoryOf(at(0), TODAY);
    expect(directory.descriptorCount).toBe(3);
    expect(directory.recommendedNicknames).toEqual(['cedar']);
  });
});

describe('three', () => {
  beforeEach(async () => {
    network = await openAuthorities(['Elder', 'Fir', 'Long']);
    await at(0).approve('Amber', 'Birch', 'Cedar');
    await at(1).approve('Amber', 'Birch');
    await at(2).approve('Amber', 'Dogwood');
    await evening();
  });

  test('what two of them want is in, and all three sign it', async () => {
    await network.run(TOMORROW);
    const texts = await Promise.all(network.all.map((one) => one.text(TOMORROW, 'new')));
    expect(new Set(texts).size).toBe(1);
    const directory = await directoryOf(at(0));
    expect(directory.signers().length).toBe(3);
    expect(directory.recommendedNicknames).toEqual(['amber', 'birch']);
    expect(directory.voters.map(({ url }) => url).sort()).toEqual(network.known.map(({ url }) => url).sort());
    for (const one of network.all) {
      expect(one.days.current()).toBe(TOMORROW);
      expect((await directoryOf(one, TOMORROW, 'old')).recommendedNicknames).toEqual(['amber', 'birch']);
      expect(one.told).toEqual([]);
    }
  });

  test('the votes are out at 23:00, the consensus at 23:30, and nothing counts before midnight', async () => {
    await network.run(TOMORROW - 61 * MINUTE);
    expect(await at(0).text(TOMORROW, 'vote')).toContain('Status: vote\n');
    expect(await at(0).text(TOMORROW, 'new')).toBeUndefined();
    await network.run(TOMORROW - 29 * MINUTE);
    expect((await directoryOf(at(0))).signers().length).toBeGreaterThan(1);
    expect(at(0).days.current()).toBe(TODAY);
    const vote = await at(0).text(TOMORROW, 'vote');
    expect(() => Directory.parse(vote ?? '', { clock: network.clock })).toThrow('a vote');
  });

  test('one missing: the two others go on, and it takes theirs when it comes back', async () => {
    at(2).up = false;
    await network.run(TOMORROW);
    for (const one of [at(0), at(1)]) expect((await directoryOf(one)).signers().length).toBe(2);
    expect((await directoryOf(at(0))).recommendedNicknames).toEqual(['amber', 'birch']);
    await network.run(TOMORROW + 9 * HOUR);
    at(2).up = true;
    await at(2).restart();
    await at(2).rounds.step();
    expect(at(2).days.current()).toBe(TOMORROW);
    expect((await directoryOf(at(2))).digest).toEqual((await directoryOf(at(0))).digest);
    expect((await directoryOf(at(2), TOMORROW, 'old')).recommendedNicknames).toEqual(['amber', 'birch']);
  });

  test('one voting late, but before the others compute', async () => {
    at(2).up = false;
    await network.run(TOMORROW - 42 * MINUTE);
    expect(await at(0).text(TOMORROW, 'new')).toBeUndefined();
    at(2).up = true;
    await at(2).restart();
    await network.run(TOMORROW);
    for (const one of network.all) expect((await directoryOf(one)).signers().length).toBe(3);
  });

  test('one of another mind is alone, says so, and lets its own vote count', async () => {
    await network.run(TOMORROW - 65 * MINUTE);
    const [zero, one] = [at(0), at(1)];
    zero.up = false; // the third alone does not hear of its vote
    await at(2).rounds.step();
    const other = at(2);
    await network.clock.advance(31 * MINUTE);
    await other.rounds.step();
    zero.up = true;
    await network.run(TOMORROW);
    expect((await directoryOf(zero)).signers().length).toBe(2);
    expect((await directoryOf(one)).digest).toEqual((await directoryOf(zero)).digest);
    expect(other.told).toContain('directory.alone');
    const own = Directory.parse((await other.text(TOMORROW, 'new')) ?? '', { clock: network.clock });
    expect(own.recommendedNicknames).toEqual(['amber', 'dogwood']);
    expect(own.signers().length).toBe(1);
    await expect(directoryOf(other)).rejects.toMatchObject({ code: 'signature' }); // a client takes that of the others
  });

  test.each([TOMORROW - 88 * MINUTE, TOMORROW - 58 * MINUTE, TOMORROW - 33 * MINUTE, TOMORROW - 10 * MINUTE])(
    'all restarted at once, %d',
    async (when) => {
      await network.run(when);
      for (const one of network.all) await one.restart();
      await network.run(TOMORROW);
      for (const one of network.all) expect((await directoryOf(one)).signers().length).toBe(3);
    },
  );

  test('all away over midnight: the day is caught up within the hour', async () => {
    for (const one of network.all) one.up = false;
    await network.run(TOMORROW + 3 * HOUR);
    for (const one of network.all) {
      one.up = true;
      await one.restart();
    }
    await network.run(TOMORROW + 4 * HOUR);
    for (const one of network.all) {
      expect(one.days.current()).toBe(TOMORROW);
      expect((await directoryOf(one)).signers().length).toBe(3);
    }
  });

  test('a new voter in the middle of the day: files that do not name it are made anew', async () => {
    await network.run(TOMORROW - 70 * MINUTE);
    at(0).rounds.use({
      url: at(0).url,
      others: [],
      recommendedVersions: { client: [], server: [] },
      leastReliability: 0,
    });
    await at(0).rounds.step();
    expect((await at(0).text(TOMORROW, 'vote'))?.match(/Voting-Server/g)?.length).toBe(1);
    expect(await at(0).rounds.renew()).toBe(true);
  });

  test('nobody makes a day anew that others have signed', async () => {
    expect(await at(0).rounds.renew()).toBe(false);
  });
});

describe('two', () => {
  beforeEach(async () => {
    network = await openAuthorities(['Elder', 'Fir']);
    await at(0).approve('Amber', 'Birch');
    await at(1).approve('Amber');
    await evening();
  });

  test('only what both want is in', async () => {
    await network.run(TOMORROW);
    for (const one of network.all) {
      const directory = await directoryOf(one);
      expect(directory.recommendedNicknames).toEqual(['amber']);
      expect(directory.signers().length).toBe(2);
    }
  });

  test('what the other sends may be anything', async () => {
    const junk = at(1);
    await network.run(TOMORROW - 65 * MINUTE);
    const vote = (await junk.text(TOMORROW, 'vote')) ?? '';
    await junk.days.write(TOMORROW, 'vote', vote.replace('amber', 'birch'));
    await network.clock.advance(10 * MINUTE);
    await at(0).rounds.step();
    expect(at(0).told).toContain('directory.unusable');
    expect(at(0).rounds.others.get(network.known[1]?.fingerprint ?? '')?.vote).toBe('unusable');
  });
});
