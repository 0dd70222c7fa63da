// The XML that XMPP has, from a stream that is cut anywhere; and XMPP servers that are silent, or bring what they should not.

import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostsOf, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { codeOf } from '../../base/errors.ts';
import { MINUTE, VirtualClock } from '../../base/time.ts';
import { connectionPair } from '../../net/memory.ts';
import { openCarriage } from './carriage.ts';
import { type Element, element, escaped, readElement, readOpening } from './xml.ts';

const LONG = 60_000;

/** Writes the text in pieces, and reads elements to the end. */
async function read(text: string, cuts: readonly number[] = []): Promise<Element[]> {
  const [here, there] = connectionPair();
  const octets = Buffer.from(text);
  const writing = (async () => {
    let from = 0;
    for (const cut of [...cuts.map((each) => each % (octets.length + 1)).sort((a, b) => a - b), octets.length]) {
      if (cut > from) await here.write(octets.subarray(from, cut));
      from = Math.max(from, cut);
    }
    await here.close();
  })();
  try {
    const found: Element[] = [];
    for (let next = await readElement(there, LONG); next !== undefined; next = await readElement(there, LONG)) {
      found.push(next);
    }
    return found;
  } finally {
    there.destroy();
    here.destroy();
    await writing.catch(() => {});
  }
}

interface Tree {
  readonly name: string;
  readonly value: string;
  readonly inner: readonly Tree[] | string;
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).map((each) => each.replace(/\p{Cc}/gu, ' '));
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    name: fc.constantFrom('message', 'immp', 'stream:x', 'a-b'),
    value: text,
    inner: fc.oneof({ maxDepth: 4 }, text, fc.array(tie('tree'), { maxLength: 3 })),
  }),
}));
const write = ({ name, value, inner }: Tree): string =>
  element(name, { id: value }, typeof inner === 'string' ? escaped(inner) : inner.map(write).join(''));
const shape = ({ name, value, inner }: Tree): unknown => ({
  name,
  attributes: new Map([['id', value]]),
  children: typeof inner === 'string' ? [] : inner.map(shape),
  text: typeof inner === 'string' ? inner : '',
});

describe('XML', () => {
  test('is read as it was written, wherever it was cut', async () => {
    const cuts = fc.array(fc.nat(), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(tree, { maxLength: 3 }), cuts, async (trees, at) => {
        expect(await read(trees.map(write).join(' '), at)).toEqual(trees.map(shape));
      }),
      { numRuns: 60 },
    );
  });

  test('that is none, or more than XMPP has, is refused', async () => {
    const parts = fc.constantFrom('<a', '<', '>', '/>', '</a>', '<a>', ' x="', "'", '&', '&amp;', '<!--', '<?x?>', 'y');
    await fc.assert(
      fc.asyncProperty(fc.array(parts, { maxLength: 12 }), async (pieces) => {
        const error = await read(pieces.join('')).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(['protocol', 'cut', undefined]).toContain(codeOf(error));
      }),
      { numRuns: 150 },
    );
  });

  test.each([
    ['a document type', '<!DOCTYPE x [<!ENTITY a "b">]>'],
    ['a comment', '<a><!-- hidden --></a>'],
    ['an entity of its own', '<a>&other;</a>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['the end of another element', '<a></b>'],
    ['text between stanzas', 'text<a/>'],
    ['a tag in an attribute', '<a b="<"/>'],
    ['more depth than is taken', '<a>'.repeat(17)],
    ['more elements than are taken', `<a>${'<b/>'.repeat(600)}</a>`],
  ])('with %s is refused', async (_what, bad) => {
    await expect(read(bad)).rejects.toMatchObject({ code: 'protocol' });
  });

  test('of a stream begins with its opening tag', async () => {
    const [here, there] = connectionPair();
    await here.write("<?xml version='1.0'?><stream:stream id='a&amp;b' from=\"x>y\">");
    const tag = await readOpening(there, LONG);
    expect(tag?.attributes).toEqual(
      new Map([
        ['id', 'a&b'],
        ['from', 'x>y'],
      ]),
    );
    here.destroy();
    there.destroy();
  });
});

interface FakeServer extends AsyncDisposable {
  readonly at: string;
  readonly heard: string;
  say(stanza: string): void;
}

/** An XMPP server that lets anybody in, and does nothing by itself. */
async function openFake(): Promise<FakeServer> {
  let heard = '';
  let last: Socket | undefined;
  const server: Server = createServer((socket) => {
    last = socket;
    socket.on('error', () => {});
    socket.on('data', (octets: Buffer) => {
      heard += octets.toString();
      if (octets.includes('<stream:stream')) socket.write("<stream:stream id='1'>");
      if (octets.includes('<handshake>')) socket.write('<handshake/>');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    at: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    get heard() {
      return heard;
    },
    say: (stanza) => void last?.write(stanza),
    async [Symbol.asyncDispose]() {
      last?.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('an XMPP server', () => {
  // spec: immp 2.12
  test('that loses what it is given makes mail ten minutes late, not lost', async () => {
    await using stack = new AsyncDisposableStack();
    const clock = new VirtualClock(Date.UTC(2026, 10, 22));
    const fake = stack.use(await openFake());
    const domains = await openImmpDomains(stack, ['here.test', 'there.test'], clock);
    const [here, there] = domains;
    await here.use({ ...hostsOf(domains), xmpp: { server: [fake.at], domains: ['there.test'] } });
    await openCarriage(here.room);
    stack.defer(() => here.room.xmpp?.close());
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(true);
    await here.account('alice');
    await there.account('bob');
    expect(await here.as('alice').deliver('bob@there.test', 'Is this lost?')).toMatch(/^274 /);
    await expect.poll(() => fake.heard, { timeout: 10_000 }).toMatch(/<message to='immp\.there\.test'.*<\/message>$/s);
    expect(fake.heard).not.toContain('bob');
    await clock.advance(9 * MINUTE);
    expect(await there.index('bob')).toEqual([]);
    await clock.advance(MINUTE);
    await expect.poll(() => there.index('bob'), { timeout: 10_000 }).toHaveLength(1);
  });

  // spec: immp 2.12
  test.each([
    ['no message file', "<immp xmlns='urn:immp:transport:0' uuid='UUID' origin='a.test'>AAAA</immp>", '471'],
    ['nothing', "<immp xmlns='urn:immp:transport:0' uuid='UUID' origin='a.test'/>", '471'],
    ['more than is taken', `<immp xmlns='urn:immp:transport:0' uuid='UUID'>${'A'.repeat(1_400_000)}</immp>`, '413'],
  ])('that brings %s is told so, and heard on', async (_what, child, code) => {
    await using stack = new AsyncDisposableStack();
    const fake = stack.use(await openFake());
    const [here] = await openImmpDomains(stack, ['here.test']);
    await here.use({ xmpp: { server: [fake.at] } });
    await openCarriage(here.room);
    stack.defer(() => here.room.xmpp?.close());
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(true);
    const uuid = '33af50bc-4841-4426-b27f-793186b52171';
    fake.say(`<message from='immp.a.test' to='immp.here.test'>${child.replace('UUID', uuid)}</message>`);
    await expect.poll(() => fake.heard, { timeout: 10_000 }).toContain(`uuid='${uuid}' code='${code}'`);
    fake.say("<iq type='get' id='7' from='x@a.test'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    await expect.poll(() => fake.heard, { timeout: 10_000 }).toContain("<feature var='urn:immp:transport:0'/>");
    fake.say("<iq type='set' id='8' from='x@a.test'><query xmlns='jabber:iq:register'/></iq>");
    await expect.poll(() => fake.heard, { timeout: 10_000 }).toContain('service-unavailable');
  });
});
