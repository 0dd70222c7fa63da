// A whole conversation with the listening side of MMTP: whatever is said to it, it answers what it kept and nothing else.

import { duplexPair } from 'node:stream';
import type { PacketRoom } from '../../src/mixminion/mmtp/carrier.ts';
import { serve } from '../../src/mixminion/mmtp/server.ts';
import * as wire from '../../src/mixminion/mmtp/wire.ts';
import { Connection } from '../../src/net/connection.ts';
import type { FuzzTarget } from '../harness.ts';

const GREETING = wire.writeVersions([wire.VERSION]);
const body = Buffer.alloc(wire.BODY_LENGTH, 7);
const units = (['SEND', 'JUNK'] as const).map((kind) => wire.writeUnit({ kind, body }));

/** The first octet says where the conversation is cut in two writes: behind so many octets. */
const said = (cut: number, ...parts: Buffer[]) => Buffer.concat([Buffer.of(cut), ...parts]);

export const target: FuzzTarget = {
  about: 'whole conversations with an MMTP server',
  seeds: () => [
    said(10, GREETING, ...units),
    said(14, wire.writeVersions(['0.3', '0.4']), ...units.slice(0, 1)),
    said(10, wire.writeVersions(['0.9'])),
    said(4, GREETING),
    said(0, GREETING, Buffer.from('SEND\r\n')),
    said(10, GREETING, Buffer.from('QUIT\r\n')),
  ],
  async run(input) {
    const cut = 1 + (input[0] ?? 0);
    const [near, far] = duplexPair();
    near.once('close', () => far.push(null));
    const heard: Buffer[] = [];
    far.on('data', (chunk: Buffer) => heard.push(chunk));
    const kept: Buffer[] = [];
    let pads = 0;
    const room: PacketRoom = {
      receive: async (packet) => (kept.push(packet) % 2 === 1 ? 'received' : 'rejected'),
      padding: () => {
        pads += 1;
      },
    };
    const connection = new Connection(near);
    const conversation = serve(connection, room);
    far.write(input.subarray(1, cut));
    await new Promise((resolve) => setImmediate(resolve)); // for the answer to a line of versions
    far.end(input.subarray(cut));
    await conversation;
    await connection.close();
    check(Buffer.concat(heard), kept, pads, input);
  },
};

function check(heard: Buffer, kept: readonly Buffer[], pads: number, input: Buffer): void {
  const answers = kept.length + pads;
  const expected = heard.length === 0 ? 0 : GREETING.length + answers * wire.ANSWER_LENGTH;
  if (heard.length !== expected) throw new Error(`${heard.length} octets are no greeting and ${answers} answers`);
  if (heard.length > 0 && !heard.subarray(0, GREETING.length).equals(GREETING)) throw new Error('another greeting');
  for (const [index, packet] of kept.entries()) {
    if (!input.includes(packet)) throw new Error('a packet that nobody sent');
    const word = index % 2 === 0 ? 'RECEIVED' : 'REJECTED';
    if (!heard.includes(wire.writeAnswer(word, { kind: 'SEND', body: packet }))) throw new Error('another answer');
  }
}
