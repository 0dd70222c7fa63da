// What directory servers take from each other: the votes and the consensus of the original program, and what must not pass.
// spec: mixminion-directory 5, 7

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { identityOf, ownDescriptor } from '../../../test/support/authorities.ts';
import { clock, seeded, TODAY } from '../../../test/support/mixminion-directory.ts';
import { mixminionFile } from '../../../test/support/vectors.ts';
import { DAY } from '../../base/time.ts';
import { computeConsensus } from '../directory/consensus.ts';
import type { Voter } from '../directory/directory-contents.ts';
import {
  type DirectoryV3Fields,
  signDirectoryInfo,
  writeDirectoryInfo,
  writeDirectoryV3,
} from '../directory/directory-v3.ts';
import { type Ballot, isMajority, readConsensus, readVote } from './exchange.ts';

const octets = (text: string) => Buffer.from(text, 'latin1');

describe('files of the original', () => {
  const files = [0, 1, 2].map((place) => mixminionFile(`vote-0.3-${place}.txt`));
  const voters = [...(files[0] ?? '').matchAll(/^Voting-Server: (\S+) (\S+)$/gm)].map(
    ([, fingerprint = '', url = '']): Voter => ({ fingerprint, url }),
  );
  const ballot: Ballot = { day: TODAY, voters, clock };
  const votes = files.map((file, place) => {
    const voter = voters.find(({ url }) => url.includes(`dir${place}`));
    if (voter === undefined) throw new Error('no such voter');
    return readVote(octets(file), voter, ballot);
  });

  test('three votes are good, compressed too, and give the consensus that all three signed', () => {
    expect(votes.map(({ status }) => status)).toEqual(['vote', 'vote', 'vote']);
    const consensus = readConsensus(gzipSync(mixminionFile('consensus-0.3.txt')), ballot);
    expect(consensus.signatures.map(({ identity }) => identity.fingerprint).sort()).toEqual(
      voters.map(({ fingerprint }) => fingerprint),
    );
    const info = writeDirectoryInfo(computeConsensus(votes, ballot));
    expect(signDirectoryInfo(info, identityOf('Elder'), seeded(1)).digest).toEqual(consensus.digest);
  });

  test('a vote is no consensus, a consensus no vote, and nobody votes for another', () => {
    expect(() => readConsensus(octets(files[0] ?? ''), ballot)).toThrow('no consensus');
    expect(() => readVote(octets(mixminionFile('consensus-0.3.txt')), voters[0] as Voter, ballot)).toThrow('no vote');
    const wrong = voters.find(({ url }) => url.includes('dir1')) as Voter;
    expect(() => readVote(octets(files[0] ?? ''), wrong, ballot)).toThrow('signed by its voter');
  });
});

describe('what does not pass', () => {
  const elder = identityOf('Elder');
  const fir = identityOf('Fir');
  const voters = [elder, fir]
    .map(({ publicKey }) => ({ fingerprint: publicKey.fingerprint, url: 'http://x.example.net/' }))
    .sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));
  const own = voters.find(({ fingerprint }) => fingerprint === elder.publicKey.fingerprint) as Voter;
  const ballot: Ballot = { day: TODAY, voters, clock };
  const fields: DirectoryV3Fields = {
    status: 'vote',
    validAfter: TODAY,
    validUntil: TODAY + DAY,
    voters,
    recommendedServers: ['amber'],
    recommendedVersions: { client: ['0.0.7', '0.0.8'], server: ['0.0.8'] },
    descriptors: [ownDescriptor('Amber'), ownDescriptor('Birch')],
  };
  const signed = (changes: Partial<DirectoryV3Fields>, signers = [elder], edit = (info: string) => info) => {
    const info = edit(writeDirectoryInfo({ ...fields, ...changes }));
    return octets(
      writeDirectoryV3(
        info,
        signers.map((signer) => signDirectoryInfo(info, signer, seeded(1))),
      ),
    );
  };
  const swapped = (info: string) => {
    const [head = '', first = '', second = ''] = info.split(/(?=^\[Server\]$)/m);
    return head + second + first;
  };
  const turned = (info: string) => info.replace(/(Voting-Server: .*\n)(Voting-Server: .*\n)/, '$2$1');

  test('but as it is, it does', () => {
    expect(readVote(signed({}), own, ballot)).toMatchObject({ recommendedServers: ['amber'] });
  });

  test.each([
    ['another day', signed({ validAfter: TODAY + DAY, validUntil: TODAY + 2 * DAY }), 'another day'],
    ['two days', signed({ validUntil: TODAY + 2 * DAY }), 'another day'],
    ['a voter less', signed({ voters: voters.slice(1) }), 'other voters'],
    [
      'another URL',
      signed({ voters: voters.map((voter) => ({ ...voter, url: 'http://y.example.net/' })) }),
      'other voters',
    ],
    ['voters out of order', signed({}, [elder], turned), 'not in order'],
    ['versions out of order', signed({ recommendedVersions: { client: ['0.0.8', '0.0.7'], server: [] } }), 'ascend'],
    ['a version twice', signed({ recommendedVersions: { client: [], server: ['0.0.8', '0.0.8'] } }), 'ascend'],
    ['descriptors out of order', signed({}, [elder], swapped), 'out of order'],
    ['no signature', signed({}, []), 'signed by its voter'],
    ['two signatures', signed({}, [elder, fir]), 'signed by its voter'],
    ['the signature of another voter', signed({}, [fir]), 'signed by its voter'],
    ['the signature of a stranger', signed({}, [identityOf('Long')]), 'signed by its voter'],
    ['changed after signing', octets(signed({}).toString('latin1').replace('amber', 'birch')), 'signed by its voter'],
    ['format 0.2', octets(mixminionFile('directory-0.2.txt')), 'lacks'],
    ['nothing', Buffer.alloc(0), 'empty'],
    ['a bomb', gzipSync(Buffer.alloc(60_000_000, '[x]\n')), 'cannot be read'],
  ])('%s', (_, data, why) => {
    const reading = () => readVote(data, own, ballot);
    expect(reading).toThrow(expect.objectContaining({ name: 'DirectoryError' }));
    expect(reading).toThrow(why);
  });

  test('of a consensus the good signatures of voters count, whatever stands beside them', () => {
    const text = signed({ status: 'consensus' }, [elder, identityOf('Long'), fir, elder]).toString('latin1');
    expect(readConsensus(octets(text), ballot).signatures.length).toBe(2);
    const broken = text.replace(/(Directory-Signature: )..../, '$1AAAA');
    expect(readConsensus(octets(broken), ballot).signatures.length).toBe(2); // the same signer stands there once more
  });
});

test.each([
  [1, 1, true],
  [1, 2, false],
  [2, 2, true],
  [2, 4, false],
  [3, 4, true],
  [2, 3, true],
])('%d of %d is a majority: %s', (count, all, expected) => {
  expect(isMajority(count, Array(all).fill({ fingerprint: '', url: '' }))).toBe(expected);
});
