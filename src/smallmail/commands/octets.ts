// The binary answer of RECV and RPRT: a line that gives the size, then the octets.   spec: smallmail 1.2

import { brokenInBody } from '../answers.ts';
import type { Session } from '../session.ts';
import type { ServerLine } from '../wire.ts';

export async function sendOctets(session: Session, line: ServerLine, chunks: AsyncIterable<Buffer>): Promise<void> {
  await session.send(line);
  try {
    for await (const chunk of chunks) await session.connection.write(chunk);
  } catch (error) {
    throw brokenInBody(error);
  }
}
