// A node that listens for packets on a loopback port over real TLS and keeps them in memory; what it says is up to the test.

import { systemClock } from '../../src/base/time.ts';
import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import type { Acknowledgement, PacketRoom } from '../../src/mixminion/mmtp/carrier.ts';
import { type LinkCertificates, makeLinkCertificates } from '../../src/mixminion/mmtp/certificates.ts';
import type { Hop } from '../../src/mixminion/mmtp/link.ts';
import { mmtpPort } from '../../src/mixminion/mmtp/port.ts';
import type { Compat } from '../../src/mixminion/mmtp/tls-profiles.ts';
import { Ports } from '../../src/net/ports.ts';
import { mmtpVectors } from './mmtp.ts';

export const nodeIdentity = RsaPrivateKey.fromPem(mmtpVectors.identity_pem);

/** What a node shows when it was made at `now`. */
export function certificatesOf(now: number, compat?: Compat): Promise<LinkCertificates> {
  return makeLinkCertificates({ nickname: 'Amber', identity: nodeIdentity, now, ...(compat && { compat }) });
}

const today = new Map<Compat | undefined, Promise<LinkCertificates>>();

export interface TestNode extends PacketRoom {
  readonly ports: Ports;
  /** Where it is, by the name `amber.test`. */
  readonly hop: Hop;
  readonly packets: Buffer[];
  pads: number;
  /** How many began. */
  conversations: number;
  /** What it says to a packet; `received` at once, as long as nothing else is put here. */
  keep: (packet: Buffer) => Promise<Acknowledgement>;
  /** How conversations, and connections that came to none, ended. */
  readonly endings: string[];
  /** Shows other certificates from now on. */
  show(certificates: LinkCertificates): Promise<void>;
}

export async function startTestNode({ compat, port = 0 }: { compat?: Compat; port?: number } = {}): Promise<TestNode> {
  const certificates = today.get(compat) ?? certificatesOf(Date.now(), compat);
  today.set(compat, certificates);
  const ports = new Ports();
  const node: Omit<TestNode, 'hop'> = {
    ports,
    packets: [],
    pads: 0,
    conversations: 0,
    endings: [],
    keep: async () => 'received',
    receive(packet) {
      node.packets.push(packet);
      return node.keep(packet);
    },
    padding() {
      node.pads += 1;
    },
    show: (shown) =>
      ports.use([
        mmtpPort({
          at: { host: '127.0.0.1', port },
          certificates: shown,
          room: node,
          limits: { connections: 100 },
          clock: systemClock,
          compat,
          connected: () => {
            node.conversations += 1;
          },
          count: ({ reason = '' }) => void node.endings.push(reason),
        }),
      ]),
  };
  await node.show(await certificates);
  const at = { port: ports.listening[0]?.at.port ?? 0, keyId: nodeIdentity.publicKey.digest };
  return Object.assign(node, { hop: { host: 'amber.test', ...at } });
}
