// Descriptors and directories made on the spot: all servers share one identity key and one packet key of the vectors, as
// making keys is slow and tests of directories do not mind.

import { DAY, VirtualClock } from '../../src/base/time.ts';
import { CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { ServerDescriptor } from '../../src/mixminion/directory/descriptor.ts';
import type { DescriptorFields } from '../../src/mixminion/directory/descriptor-fields.ts';
import { Directory, type DirectoryOptions } from '../../src/mixminion/directory/directory.ts';
import {
  type DirectoryV3Fields,
  signDirectoryInfo,
  writeDirectoryInfo,
  writeDirectoryV3,
} from '../../src/mixminion/directory/directory-v3.ts';
import { mixminionVectors } from './vectors.ts';

const { identity_pem } = mixminionVectors<{ identity_pem: string }>('mmtp');

/** A day in the middle of which all tests happen. */
export const TODAY = Date.UTC(2026, 10, 22);
export const clock = new VirtualClock(TODAY + 6 * 3_600_000);
export const identity = RsaPrivateKey.fromPem(identity_pem);
export const seeded = (seed: number) => new CounterRandom(Buffer.alloc(16, seed));

/** The fields of a server that can do everything, but for what `changes` says; undefined takes a field away. */
export function fieldsOf(
  nickname: string,
  changes: { [K in keyof DescriptorFields]?: DescriptorFields[K] | undefined } = {},
): DescriptorFields {
  const protocols = ['0.3'];
  const full = {
    nickname,
    published: TODAY,
    validAfter: TODAY,
    validUntil: TODAY + 30 * DAY,
    packetKey: identity.publicKey,
    packetVersions: ['0.3'],
    contact: 'op@example.org',
    software: 'Mixminion 0.0.8alpha3',
    incoming: { hostname: `${nickname.toLowerCase()}.example.net`, port: 48099, protocols, rules: [] },
    outgoing: { protocols, rules: [] },
    mbox: { maximumSize: 100, allowFrom: true },
    smtp: { maximumSize: 100, allowFrom: true },
    maximumFragments: 22,
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(full).filter(([, value]) => value !== undefined),
  ) as unknown as DescriptorFields;
}

export function descriptorOf(...fields: Parameters<typeof fieldsOf>): ServerDescriptor {
  return ServerDescriptor.build(fieldsOf(...fields), identity, { random: seeded(1), clock });
}

/** The text of a consensus (unless `changes` says otherwise) that recommends all of its servers and has these signers. */
export function directoryText(
  descriptors: readonly ServerDescriptor[],
  changes: Partial<DirectoryV3Fields> = {},
  signers: readonly RsaPrivateKey[] = [identity],
): string {
  const info = writeDirectoryInfo({
    status: 'consensus',
    validAfter: TODAY,
    validUntil: TODAY + DAY,
    recommendedServers: [...new Set(descriptors.map(({ nickname }) => nickname))],
    recommendedVersions: { client: ['0.0.8alpha3'], server: ['0.0.8alpha3'] },
    voters: [{ fingerprint: identity.publicKey.fingerprint, url: 'http://dir.example.net/' }],
    descriptors,
    ...changes,
  });
  const signatures = signers.map((signer) => signDirectoryInfo(info, signer, seeded(2)));
  return writeDirectoryV3(info, signatures);
}

export function directoryOf(descriptors: readonly ServerDescriptor[], options: DirectoryOptions = {}): Directory {
  return Directory.parse(directoryText(descriptors), { clock, ...options });
}
