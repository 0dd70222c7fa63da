// An XMPP stream read by the component: refused with its own error or read, and the same whether it comes whole or octet by octet.

import { isDeepStrictEqual } from 'node:util';
import { XmppError } from '../../src/immp/xmpp/errors.ts';
import { type Element, element } from '../../src/immp/xmpp/stanza.ts';
import { StreamReader } from '../../src/immp/xmpp/stream-reader.ts';
import type { FuzzTarget } from '../harness.ts';

const OPENING = `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>`;
const MESSAGE = element(
  'message',
  { from: 'immp.a.test', to: 'immp.b.test', id: '2' },
  element('immp', { uuid: '3' }, 'QUJD'),
);

export const target: FuzzTarget = {
  about: 'XMPP streams with IMMP in them',
  seeds: () =>
    [
      `${OPENING}<handshake/>${MESSAGE}</stream:stream>`,
      `${OPENING}<iq type="get" id="4"><query xmlns="http://jabber.org/protocol/disco#info"/></iq> `,
      `${OPENING}<message type='error'>&lt;&#x41;&amp;<![CDATA[<x>]]></message>`,
    ].map((text) => Buffer.from(text)),
  run(input) {
    const whole = readIn([input]);
    const pieces = readIn(Array.from(input, (octet) => Buffer.of(octet)));
    if (!isDeepStrictEqual(whole, pieces)) throw new Error('cut up it reads otherwise');
  },
};

/** Undefined when it is refused. */
function readIn(chunks: readonly Buffer[]): Element[] | undefined {
  const reader = new StreamReader();
  try {
    return chunks.flatMap((chunk) => reader.write(chunk));
  } catch (error) {
    if (error instanceof XmppError) return undefined;
    throw error;
  }
}
