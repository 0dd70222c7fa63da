// XMPP servers that are silent, refuse us, break off, or bring what they should not.

import { createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { hostsOf, openImmpDomains } from '../../../test/support/immp-domains.ts';
import { MINUTE, SECOND, VirtualClock } from '../../base/time.ts';
import { openCarriage } from './carriage.ts';

interface FakeServer extends AsyncDisposable {
  readonly streams: number;
  readonly at: string;
  readonly heard: string;
  say(stanza: string): void;
  hangUp(): void;
}

/** An XMPP server that lets anybody in, and does nothing by itself. */
async function openFake(): Promise<FakeServer> {
  let heard = '';
  let streams = 0;
  let last: Socket | undefined;
  const server: Server = createServer((socket) => {
    last = socket;
    socket.on('error', () => {});
    socket.on('data', (octets: Buffer) => {
      heard += octets.toString();
      if (octets.includes('<stream:stream')) {
        streams += 1;
        socket.write(
          "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>",
        );
      }
      if (octets.includes('<handshake>')) socket.write('<handshake/>');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    at: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    get streams() {
      return streams;
    },
    get heard() {
      return heard;
    },
    say: (stanza) => void last?.write(stanza),
    hangUp: () => void last?.end(),
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

  test.each([
    ['breaks the rules of XML', (fake: FakeServer) => fake.say('<a></b><message/>')],
    [
      'sends what XMPP does not have',
      (fake: FakeServer) => fake.say('<!DOCTYPE x [<!ENTITY a "b">]><message>&a;</message>'),
    ],
    ['nests without end', (fake: FakeServer) => fake.say('<a>'.repeat(100_000))],
    [
      'goes away in the middle of a stanza',
      (fake: FakeServer) => {
        fake.say("<message from='immp.a.test'");
        fake.hangUp();
      },
    ],
    ['closes the stream', (fake: FakeServer) => fake.say('</stream:stream>')],
  ])('that %s is left, and asked again', async (_what, act) => {
    await using stack = new AsyncDisposableStack();
    const clock = new VirtualClock(Date.UTC(2026, 10, 22));
    const fake = stack.use(await openFake());
    const [here] = await openImmpDomains(stack, ['here.test'], clock);
    await here.use({ xmpp: { server: [fake.at] } });
    await openCarriage(here.room);
    stack.defer(() => here.room.xmpp?.close());
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(true);
    act(fake);
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(false);
    await clock.advance(2 * SECOND);
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(true);
    expect(fake.streams).toBe(2);
  });

  test('that says nothing for long hears a blank now and then', async () => {
    await using stack = new AsyncDisposableStack();
    const clock = new VirtualClock(Date.UTC(2026, 10, 22));
    const fake = stack.use(await openFake());
    const [here] = await openImmpDomains(stack, ['here.test'], clock);
    await here.use({ xmpp: { server: [fake.at] } });
    await openCarriage(here.room);
    stack.defer(() => here.room.xmpp?.close());
    await expect.poll(() => here.room.xmpp?.online, { timeout: 10_000 }).toBe(true);
    await clock.advance(5 * MINUTE);
    await expect.poll(() => fake.heard, { timeout: 10_000 }).toMatch(/<\/handshake> $/);
    expect(here.room.xmpp?.online).toBe(true);
  });
});
