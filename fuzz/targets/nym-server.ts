// Control messages to a nymserver: read, and what was read is written and read again.

import { CounterRandom } from '../../src/crypto/aes-ctr.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import { relayTo } from '../../src/mixminion/packet/routing.ts';
import type { Surb } from '../../src/mixminion/packet/surb.ts';
import { NymError } from '../../src/nym/errors.ts';
import { readServerMessage, type ServerCommand, writeSigned } from '../../src/nym/messages/to-server.ts';
import { mixminionVectors } from '../../test/support/vectors.ts';
import type { FuzzTarget } from '../harness.ts';

const SIGNATURE = Buffer.alloc(256);
const SEQNO = Buffer.alloc(20, 7);

const { servers } = mixminionVectors<{ servers: Record<string, { packet_key_pem: string }> }>('packets');
const [pem = ''] = Object.values(servers).map(({ packet_key_pem }) => packet_key_pem);
const key = RsaPrivateKey.fromPem(pem).publicKey;

function surb(): Surb {
  const random = new CounterRandom(Buffer.alloc(16, 3));
  const hop = { form: 'host', host: 'mix.example', port: 48099, keyId: random.bytes(20) } as const;
  return { useBy: 1_900_000_000, header: random.bytes(2048), key: random.bytes(16), ...relayTo(hop, true) };
}

const samples: readonly (readonly ServerCommand[])[] = [
  [
    { word: 'CREATE', candidates: ['alice', ''] },
    { word: 'NEWPK', identity: key, encryption: key },
    { word: 'SURB', surbs: [surb(), surb(), surb()] },
  ],
  [
    { word: 'CREATE2', response: Buffer.from([0, ...SEQNO]) },
    { word: 'GET', ids: [SEQNO, SEQNO] },
    { word: 'SUMMARIZE', most: 16, after: SEQNO },
    { word: 'DELETE', ids: [SEQNO] },
    { word: 'POLICY', option: 'Filtering', value: Buffer.from('if header :is "subject" "x" { discard; }') },
  ],
  [{ word: 'RELAY', recipients: ['bob@example.org'], headers: new Map([['SUBJECT', 'hi']]), body: Buffer.from('x\n') }],
];

const signed = (nym: string, commands: readonly ServerCommand[]) =>
  Buffer.concat([SIGNATURE, writeSigned({ nym, seqno: SEQNO, commands })]);

export const target: FuzzTarget = {
  about: 'control messages to a nymserver',
  seeds: () => samples.map((commands, index) => signed(index === 0 ? '' : 'alice', commands)),
  run(input) {
    try {
      const { nym, seqno, commands } = readServerMessage(input);
      const good = commands.filter((command) => command.word !== 'bad');
      const written = writeSigned({ nym, seqno, commands: good });
      const again = readServerMessage(Buffer.concat([SIGNATURE, written]));
      if (
        !writeSigned({ ...again, commands: again.commands.filter((command) => command.word !== 'bad') }).equals(written)
      ) {
        throw new Error('a message changed as it was written and read');
      }
    } catch (error) {
      if (!(error instanceof NymError)) throw error;
    }
  },
};
