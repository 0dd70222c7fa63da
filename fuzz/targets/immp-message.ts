// What is read of stored IMMP messages and of the envelopes that senders write: nothing but their own errors.

import { Refusal } from '../../src/immp/codes.ts';
import { ImmpError } from '../../src/immp/errors.ts';
import { readOuter, withStations } from '../../src/immp/federation/sealed.ts';
import { isCircle, readTrace } from '../../src/immp/federation/trace.ts';
import { readEnvelopePart } from '../../src/immp/mail/envelope-part.ts';
import { readHead } from '../../src/immp/mail/message.ts';
import type { FuzzTarget } from '../harness.ts';

const HEAD =
  '{"envelope":{"uuid":"33af50bc-4841-4426-b27f-793186b52171","from":null,"origin":"a.com","to":"b@b.com","received":"2026-11-22T00:00:00Z",' +
  '"received-via":[{"domain":"a.com","timestamp":"2026-11-22T00:00:00Z"}]},' +
  '"parts":[{"id":"1","class":"content","type":"text/plain","name":"a","length":1,"sha256":"00"}]}';

export const target: FuzzTarget = {
  about: 'IMMP messages and envelopes',
  seeds: () =>
    [
      `immp-message 1\n${HEAD}\nx`,
      '{"subject":"Lunch","cc":["c@d.e"],"from":"alice@b.com","date":"2026-11-21T10:00:00+01:00","headers":{"x":"y"}}',
      '{"immp-origin":"a.com","received-via":[{"domain":"a.com","timestamp":"2026-11-22T00:00:00Z"}]}',
      `{"envelope":{"immp-origin":"a.com","immp-destination":"b.com","immp-recipient":["AAAA"],"immp-sealed":"${'0'.repeat(64)}","signature":""}}`,
      '{"to":"bob@b.com","references":["<a@b>"],"in-reply-to":"<a@b>","reply-to":"a@b.c"}',
    ].map((text) => Buffer.from(text)),
  run(input) {
    swallow(() => readHead(input));
    swallow(() => readEnvelopePart(input, 'alice@b.com'));
    const { via } = readTrace(input);
    isCircle(via, 'a.com');
    if (readOuter(input) !== undefined) withStations(input, via);
  },
};

function swallow(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ImmpError) && !(error instanceof Refusal)) throw error;
  }
}
