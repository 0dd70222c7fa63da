// The recorded sessions of the original program, and a server that plays its side of them, for tests.

import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { keystream } from '../../src/crypto/aes-ctr.ts';
import { BODY_LENGTH } from '../../src/mixminion/mmtp/wire.ts';
import { hex, mixminionVectors } from './vectors.ts';

/** A word, what is known of its body, and its hash. */
export type Piece = readonly [string, ...string[]];

interface Recorded {
  readonly from: 'client' | 'server';
  readonly data: {
    readonly bytes_b64: string | null;
    readonly len: number;
    readonly sha256: string;
    readonly pieces: readonly Piece[];
  };
}

interface MmtpVectors {
  readonly cert_chain_pem: string;
  readonly connection_key_pem: string;
  readonly dh_params_pem: string;
  readonly identity_pem: string;
  readonly key_digest: string;
  readonly hashes: Readonly<
    Record<'JUNK' | 'RECEIVED' | 'RECEIVED JUNK' | 'REJECTED' | 'SEND' | 'packet_stream', string>
  >;
  readonly packet_streams: readonly string[];
  readonly transcripts: readonly {
    readonly name: string;
    readonly client_results: readonly ('succeeded' | 'failed')[];
    readonly direction_log: readonly Recorded[];
  }[];
}

export const mmtpVectors = mixminionVectors<MmtpVectors>('mmtp');

/** Packet `index` of the recorded sessions. */
export function packetOf(index: number): Buffer {
  return keystream(hex(mmtpVectors.packet_streams[index] ?? ''), BODY_LENGTH);
}

export interface TestServer {
  readonly port: number;
  /** Each client that came. */
  readonly sockets: readonly TLSSocket[];
  close(): Promise<void>;
}

/** A TLS server on a port of its own that hands each client to `serve`. */
export async function startServer(options: TlsOptions, serve: (socket: TLSSocket) => void): Promise<TestServer> {
  const sockets: TLSSocket[] = [];
  const server: Server = createServer(options, (socket) => {
    sockets.push(socket);
    socket.on('error', () => {}); // a client that breaks off is part of some tests
    serve(socket);
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
