// A CMTP server that knows nothing: it answers known octets with known octets, as transcripts hold them, and remembers what it
// did not know. Stands for the old reference server, and for servers that do what ours never does.

import { createServer, type Socket } from 'node:net';
import { parseHead } from '../../src/cmtp/wire/message.ts';
import { cmtpVectors, hex, type TranscriptVectors } from './cmtp.ts';

const REFERENCE_NONCE = 64;

export interface Exchange {
  readonly send: Uint8Array;
  readonly reply: Uint8Array;
  /** How many octets behind `send` belong to it, told from those that are there; undefined while they are too few. */
  readonly more?: (held: Buffer) => number | undefined;
  /** Ends the conversation after the reply. */
  readonly closes?: boolean;
}

export interface ReplayServer extends AsyncDisposable {
  readonly port: number;
  /** All octets of clients, in order. */
  received(): Buffer;
  /** Octets that no exchange begins with. */
  unknown(): Buffer;
}

export async function openReplayServer(exchanges: readonly Exchange[], greeting?: Uint8Array): Promise<ReplayServer> {
  const longestFirst = [...exchanges].sort((a, b) => b.send.length - a.send.length);
  const open = new Set<Socket>();
  const received: Buffer[] = [];
  let unknown = Buffer.alloc(0);
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    if (greeting) socket.write(greeting);
    let held = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      held = Buffer.concat([held, chunk]);
      for (;;) {
        const known = longestFirst.find(({ send }) => held.subarray(0, send.length).equals(send));
        const more = known?.more ? known.more(held.subarray(known.send.length)) : 0;
        if (known === undefined || more === undefined) break;
        held = held.subarray(known.send.length + more);
        if (known.reply.length > 0) socket.write(known.reply);
        if (known.closes) socket.end();
      }
      unknown = held;
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    received: () => Buffer.concat(received),
    unknown: () => unknown,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** The old reference server, as it was heard. `more` is said on top. */
export function openReference(more: readonly Exchange[] = []): Promise<ReplayServer> {
  const { transcripts } = cmtpVectors<TranscriptVectors>('wire-reference');
  // The lone NUL and the run of NULs that show how it recovers would swallow what follows.
  const heard = transcripts
    .filter(({ name }) => name !== 'mail-without-nonce' && name !== 'keyrequest-user-no-domain')
    .flatMap(({ exchanges }) => exchanges);
  const exchanges = heard.map(({ send, reply, closed_by_server: closes = false }) => ({
    send: hex(send),
    reply: hex(reply),
    closes,
  }));
  return openReplayServer([...more, ...exchanges, anyMail], hex(transcripts[0]?.greeting ?? ''));
}

/** A message of any kind and the 64 octets that it wants behind it; silence is the answer.   spec: cmtp 4.3 */
const anyMail: Exchange = {
  send: Buffer.from('MAIL\0'),
  reply: Buffer.alloc(0),
  more(held) {
    try {
      const { head, length } = parseHead(held);
      const whole = length + head.logLength + head.bodyLength + REFERENCE_NONCE;
      return whole <= held.length ? whole : undefined;
    } catch {
      return undefined;
    }
  },
};
