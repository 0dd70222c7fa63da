// Mail that leaves: to mailboxes of the office and through a relay host, and what is dropped instead.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { exitDesk, packet, random, singleton } from '../../../test/support/exits.ts';
import { openMailServer } from '../../../test/support/mail-server.ts';
import { HOUR, MINUTE } from '../../base/time.ts';
import { keystream } from '../../crypto/aes-ctr.ts';
import type { Acceptance, Arrival } from '../../post/local-delivery.ts';
import { RoutingType, randomTag } from '../packet/routing.ts';
import { compress } from '../payload/compress.ts';
import { writeSingleton } from '../payload/singleton.ts';
import { readMessages } from '../payload/text.ts';
import { configuredModules } from './configured.ts';
import type { Exits } from './exits.ts';
import { exitTables } from './settings.ts';

const HERE = 'here.example';
const desk = exitDesk();

// spec: mixminion-server 4.2, 4.3
describe('mail that leaves', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postern-exits-'));
    return () => rm(folder, { recursive: true });
  });

  /** Exits as the settings say, an owner of all addresses at HERE that answers as told, and a mail server. */
  async function setUp() {
    const owner: { answer: Acceptance | Error } = { answer: 'stored' };
    const server = await openMailServer();
    const arrivals: Arrival[] = [];
    desk.post.local.register({
      name: 'test',
      owns: async (address) => address.endsWith(`@${HERE}`),
      async deliver(arrival) {
        arrivals.push(arrival);
        if (owner.answer instanceof Error) throw owner.answer;
        return owner.answer;
      },
    });
    await writeFile(join(folder, 'users'), `alice : alice@${HERE}\nbob : bob@example.org\n`);
    await writeFile(join(folder, 'blacklist'), 'deny allhosts example.net\n');
    const settings = z.strictObject(exitTables).parse({
      relay: { host: `127.0.0.1:${server.endpoint.port}`, tls: 'none' },
      smtp: { enabled: true, return_address: 'anon@exit.example', blacklist_file: 'blacklist', maximum_size: '32 KiB' },
      mbox: { enabled: true, return_address: 'anon@exit.example', address_file: 'users' },
    });
    const { exits, events } = await desk.open(
      await configuredModules({ post: desk.post, settings, hostname: HERE, folder }),
    );
    return {
      server,
      owner,
      arrivals,
      settings,
      exits,
      events,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }

  const deliver = async (exits: Exits, ...given: Parameters<typeof packet>) => {
    await exits.deliver(packet(...given));
    await exits.round();
  };

  test('goes to the relay host as it was written, with the sender that the operator chose', async () => {
    await using room = await setUp();
    const text = 'Hello\n.\n-----\nCR\rLF\r\n\xe4\n';
    await deliver(room.exits, RoutingType.SMTP, 'carol@example.com', singleton(`SUBJECT:Hi\n\n${text}`));
    const [mail] = room.server.mails;
    expect(mail).toMatchObject({ from: 'anon@exit.example', to: ['carol@example.com'], hello: HERE });
    expect(mail?.message.toString('latin1')).toBe(
      [
        'To: carol@example.com',
        'From: anon@exit.example',
        'Subject: Hi',
        'X-Anonymous: yes',
        '',
        '-----BEGIN TYPE III ANONYMOUS MESSAGE-----',
        'Message-type: plaintext',
        '',
        'Hello',
        '.',
        '- -----',
        'CR',
        'LF',
        '\xe4',
        '-----END TYPE III ANONYMOUS MESSAGE-----',
        '',
      ].join('\r\n'),
    );
    expect(room.events).toEqual(['attempted due', 'delivered relayed']);
  });

  test('for an address of this office stays in the house, whichever way it is named', async () => {
    await using room = await setUp();
    await deliver(room.exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
    await deliver(room.exits, RoutingType.SMTP, `alice@${HERE}`, singleton('\nHello\n'));
    expect(room.server.mails).toEqual([]);
    expect(room.arrivals).toMatchObject(Array(2).fill({ to: `alice@${HERE}`, from: 'anon@exit.example', via: 'mix' }));
    const [first, second] = room.arrivals;
    expect(String(first?.message)).toMatch(/^To: alice@here\.example\r\nFrom: anon@exit\.example\r\n/);
    expect(first?.once).not.toEqual(second?.once);
    expect(room.events.filter((event) => event.startsWith('delivered'))).toEqual(Array(2).fill('delivered stored'));
  });

  test('ends as the office says', async () => {
    await using room = await setUp();
    for (const [answer, event] of [
      ['duplicate', 'delivered duplicate'],
      ['full', 'failed full'],
      ['unknown', 'dropped unknown'],
      ['refused', 'dropped refused'],
      [new Error('locked'), 'failed error'],
    ] as const) {
      room.owner.answer = answer;
      await deliver(room.exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
      expect(room.events.splice(0)).toEqual(['attempted due', event]);
    }
  });

  const hostile = [
    ['a user who is not here', RoutingType.MBOX, 'carol', 'unknown-user'],
    ['a user in other letters', RoutingType.MBOX, 'Alice', 'unknown-user'],
    ['a user of the prototype', RoutingType.MBOX, '__proto__', 'unknown-user'],
    ['nobody', RoutingType.MBOX, '', 'unknown-user'],
    ['an address that opted out', RoutingType.SMTP, 'x@a.example.net', 'blacklisted'],
    ['two addresses', RoutingType.SMTP, 'a@b.c,d@e.f', 'bad-address'],
    ['an address and a command', RoutingType.SMTP, 'a@b.c>\r\nRCPT TO:<d@e.f', 'bad-address'],
    ['an address and a header', RoutingType.SMTP, 'a@b.c\nBcc: d@e.f', 'bad-address'],
    ['a NUL', RoutingType.SMTP, 'a@b.c\0', 'bad-address'],
    ['letters beyond ASCII', RoutingType.SMTP, 'j\u00fcrgen@example.org', 'bad-address'],
    ['quotes', RoutingType.SMTP, '"a b"@example.org', 'bad-address'],
    ['a host by number', RoutingType.SMTP, 'a@127.0.0.1', 'bad-address'],
    ['an address that no server takes', RoutingType.SMTP, `${'a'.repeat(254)}@b.c`, 'bad-address'],
    ['nobody at all', RoutingType.SMTP, '', 'bad-address'],
  ] as const;
  test('is dropped when it is for somebody impossible', async () => {
    await using room = await setUp();
    for (const [what, type, address, reason] of hostile) {
      await deliver(room.exits, type, address, singleton('\nHello\n'));
      expect(room.events.splice(0), what).toEqual(['attempted due', `dropped ${reason}`]);
    }
    expect([room.server.mails.length, room.arrivals.length]).toEqual([0, 0]);
  });

  test('is dropped when it is too large, before anybody is asked', async () => {
    await using room = await setUp();
    const text = keystream(Buffer.alloc(16, 3), 32 * 1024).toString('base64'); // it shrinks, but not twentyfold
    for (const length of [32 * 1024 + 1, 32 * 1024])
      await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton(`SUBJECT:Hi\n\n${text.slice(0, length)}`));
    expect(room.events.filter((event) => !event.startsWith('attempted'))).toEqual([
      'dropped too-large',
      'delivered relayed',
    ]);
  });

  test('waits while the relay is away or defers, and is dropped when it is refused', async () => {
    const room = await setUp();
    const events = () => room.events.splice(0).filter((event) => !event.startsWith('attempted'));
    room.server.answers.to.set('bob@example.org', 451);
    await deliver(room.exits, RoutingType.MBOX, 'bob', singleton('\nHello\n'));
    expect(events()).toEqual(['failed deferred']);
    room.server.answers.to.set('bob@example.org', 550);
    await desk.clock.advance(7 * HOUR);
    await room.exits.round();
    expect(events()).toEqual(['dropped refused']);
    room.server.answers.data = 554;
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(events()).toEqual(['dropped refused']);
    await room[Symbol.asyncDispose]();
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(events()).toEqual(['failed relay-away']);
    expect(await room.exits.waiting()).toBe(1);
  });

  test('leaves a relay alone for a while that was away several times', async () => {
    const room = await setUp();
    const port = room.server.endpoint.port;
    await room[Symbol.asyncDispose]();
    for (let mail = 0; mail < 4; mail += 1) {
      await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
      expect(room.events.splice(0)).toEqual(['attempted due', 'failed relay-away']);
    }
    await using back = await openMailServer({}, port);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect([room.events.splice(0), back.mails]).toEqual([['attempted due', 'failed relay-away'], []]);
    await desk.clock.advance(10 * MINUTE);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', singleton('\nHello\n'));
    expect(room.events.splice(0)).toEqual(['attempted due', 'delivered relayed']);
  });

  test('of octets that mean nothing to us is passed on whole', async () => {
    await using room = await setUp();
    const tag = randomTag(random);
    const payload = keystream(Buffer.alloc(16, 9), 28672);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', payload, tag);
    expect(readMessages(room.server.mails[0]?.message ?? Buffer.alloc(0))).toEqual([
      { type: 'encrypted', contents: payload, tag },
    ]);
    const bomb = Buffer.alloc(2_000_000);
    await deliver(room.exits, RoutingType.SMTP, 'a@b.c', writeSingleton(compress(bomb), 0, random));
    expect(readMessages(room.server.mails[1]?.message ?? Buffer.alloc(0))).toEqual([
      { type: 'overcompressed', contents: compress(bomb) },
    ]);
  });

  test('does not leave while a file of the settings is missing or wrong', async () => {
    await using room = await setUp();
    const again = (smtp: object, relay = {}) =>
      configuredModules({
        post: desk.post,
        hostname: HERE,
        folder,
        settings: {
          ...room.settings,
          relay: { ...room.settings.relay, ...relay },
          smtp: { ...room.settings.smtp, ...smtp },
        },
      });
    await expect(again({ blacklist_file: 'none' })).rejects.toMatchObject({ name: 'ExitError', code: 'exit-file' });
    await expect(again({ blacklist_file: 'users' })).rejects.toMatchObject({ code: 'exit-line' });
    await expect(again({}, { user: 'x', password_file: 'none' })).rejects.toMatchObject({ code: 'exit-file' });
    expect(await again({ blacklist_file: '' })).toHaveLength(2);
  });

  test('for elsewhere waits while there is no relay', async () => {
    await using room = await setUp();
    const settings = { ...room.settings, relay: { ...room.settings.relay, host: '' } };
    const [, mbox] = await configuredModules({ post: desk.post, settings, hostname: HERE, folder });
    if (mbox === undefined) throw new Error('no module');
    const { exits, events } = await desk.open([mbox]);
    await deliver(exits, RoutingType.MBOX, 'bob', singleton('\nHello\n'));
    await deliver(exits, RoutingType.MBOX, 'alice', singleton('\nHello\n'));
    expect(events).toEqual(['attempted due', 'failed no-relay', 'attempted due', 'delivered stored']);
  });
});
