// The client against servers that answer what they should not, and how it tells their refusals apart.

import { describe, expect, test } from 'vitest';
import { SECOND } from '../base/time.ts';
import type { Connection } from '../net/connection.ts';
import { connectionPair } from '../net/memory.ts';
import { SmallMailClient } from './client.ts';

const FPR = '6A5A7A8A650F0C12961ED8F74278AF1D067C0E57';
const ID = '4c1f0a6be2d94d0f8f3a5b7c9d1e2f30';

function meet(): { client: SmallMailClient; server: Connection } {
  const [near, server] = connectionPair();
  return { client: new SmallMailClient(near, { answerTime: SECOND }), server };
}

/** What the client makes of `answer` to its DELE, and what else it then says. */
async function answering(answer: string) {
  const { client, server } = meet();
  const deleting = client.delete(FPR, ID).catch((error: unknown) => error);
  expect(String(await server.line(1024, SECOND))).toBe(`DELE ${FPR} ${ID}`);
  await server.write(answer);
  const outcome = await deleting;
  const more = () => server.line(1024, 50).then((line) => line?.toString());
  return { outcome, more };
}

// spec: smallmail 2.7, 2.8
describe('answers', () => {
  test('a message that is gone is deleted', async () => {
    expect((await answering('DLTD\n')).outcome).toBe(true);
    expect((await answering('ERR NoMessage\n')).outcome).toBe(false);
  });

  test.each([
    ['REJECT', 'rejected'],
    ['ERR BadCommand', 'unknown-command'],
    ['ERR NotImplemented', 'unknown-command'],
    ['ERR BadParam', 'refused'],
    ['ERR ProtocolError', 'refused'],
    ['ERR ServerError', 'refused'],
    ['ERR OutOfPaper', 'refused'],
  ])('%s: %s', async (answer, code) => {
    expect((await answering(`${answer}\n`)).outcome).toMatchObject({ code });
  });

  test.each(['RCVD\n', 'HTTP/1.1 400 Bad Request\r\n', 'LSTD later\n', '\0\n', `MSG ${ID} 3\n`])(
    'after %j nothing more is said',
    async (answer) => {
      const { outcome, more } = await answering(answer);
      expect(outcome).toMatchObject({ code: 'nonsense' });
      expect(await more()).toBeUndefined();
    },
  );

  test('a part that was not asked for is not taken', async () => {
    for (const answer of ['PART 11 5\n', 'PART 10 6\n']) {
      const { client, server } = meet();
      const part = client.part(FPR, ID, 10, 5);
      await server.write(answer);
      await expect(part).rejects.toMatchObject({ code: 'nonsense' });
    }
  });
});
