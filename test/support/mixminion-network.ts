// The seven servers of the vectors, as nodes for paths and as holders of packet keys.

import { RsaPrivateKey } from '../../src/crypto/rsa.ts';
import type { PathNode } from '../../src/mixminion/packet/path.ts';
import { hex, mixminionVectors } from './vectors.ts';

interface Server {
  readonly hostname: string;
  readonly port: number;
  readonly key_digest: string;
  readonly packet_key_pem: string;
}

const { servers } = mixminionVectors<{ servers: Record<string, Server> }>('packets');
const keys = new Map(
  Object.entries(servers).map(([name, server]) => [name, RsaPrivateKey.fromPem(server.packet_key_pem)]),
);

/** The names of the servers. */
export const serverNames: readonly string[] = Object.keys(servers);

export function packetKeyOf(name: string): RsaPrivateKey {
  const key = keys.get(name);
  if (key === undefined) throw new Error(`no server ${name}`);
  return key;
}

/** A path over servers by name; those in `ipv4` are addressed by number. */
export function pathOf(names: readonly string[], ipv4: Readonly<Record<string, string>> = {}): PathNode[] {
  return names.map((name) => {
    const server = servers[name];
    if (server === undefined) throw new Error(`no server ${name}`);
    const { hostname, port, key_digest: keyId } = server;
    const quad = ipv4[name];
    return {
      address: { form: quad === undefined ? 'host' : 'ipv4', host: quad ?? hostname, port, keyId: hex(keyId) },
      packetKey: packetKeyOf(name).publicKey,
    };
  });
}
