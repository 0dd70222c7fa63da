import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMailServer } from '../../test/support/mail-server.ts';
import { SECOND, systemClock, VirtualClock } from '../base/time.ts';
import { makeSelfSigned, makeTlsKey } from '../net/tls-identity.ts';
import { type RelayHost, type RelayRequest, relayMail } from './relay.ts';

const MESSAGE = Buffer.from('To: bob@example.org\r\n\r\nHello\r\n');

function request(relay: RelayHost, changes: Partial<RelayRequest> = {}): RelayRequest {
  const to = ['bob@example.org'];
  return {
    relay,
    hostname: 'post.example',
    from: 'anon@post.example',
    to,
    message: MESSAGE,
    clock: systemClock,
    ...changes,
  };
}

test('a message goes as it is: envelope, dots, line ends, octets beyond ASCII', async () => {
  await using server = await openMailServer();
  const relay = { endpoint: server.endpoint, tls: 'none' } as const;
  const message = Buffer.from('To: x\n\n.\r\n..\n.x\r\nbare\rreturn\n\xff\x80\xe9', 'latin1');
  const to = ['bob@example.org', 'carol@example.org'];
  expect(await relayMail(request(relay, { from: '', to, message }))).toEqual({
    accepted: to,
    refused: [],
    tells: false,
  });
  expect(server.mails).toEqual([
    {
      from: '',
      to,
      message: Buffer.from('To: x\r\n\r\n.\r\n..\r\n.x\r\nbare\r\nreturn\r\n\xff\x80\xe9\r\n', 'latin1'),
      secure: false,
      hello: 'post.example',
      user: undefined,
      dsn: [{}, {}, {}],
    },
  ]);
});

test('any message arrives with CR LF for each line end', async () => {
  await using server = await openMailServer();
  const relay = { endpoint: server.endpoint, tls: 'none' } as const;
  const piece = fc.constantFrom('\r', '\n', '\r\n', '.', '\r.\r', '\n.\n', 'x', 'DATA', '\xe9');
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 60 }), async (pieces) => {
      const text = pieces.join('');
      await relayMail(request(relay, { message: Buffer.from(text, 'latin1') }));
      const lines = text.replace(/\r\n|\r|\n/g, '\r\n');
      const kept = server.mails.pop()?.message.toString('latin1');
      expect(kept).toBe(lines.endsWith('\r\n') ? lines : `${lines}\r\n`);
    }),
    { numRuns: 15 },
  );
});

test('TLS from the start, or before anything is said; a password only inside', async () => {
  const { key, certificate } = await makeSelfSigned('localhost', makeTlsKey(), Date.now());
  const onAuth: Parameters<typeof openMailServer>[0] = {
    key,
    cert: certificate,
    authOptional: false,
    onAuth: ({ username, password }, _session, callback) =>
      password === 'secret' ? callback(null, { user: username }) : callback(new Error('no')),
  };
  for (const tls of ['starttls', 'implicit'] as const) {
    await using server = await openMailServer({ ...onAuth, secure: tls === 'implicit' });
    const endpoint = { host: 'localhost', port: server.endpoint.port };
    const relay: RelayHost = { endpoint, tls, ca: certificate, user: 'office', password: 'secret' };
    await relayMail(request(relay));
    expect(server.mails).toMatchObject([{ secure: true, user: 'office' }]);
    await expect(relayMail(request({ ...relay, password: 'wrong' }))).rejects.toMatchObject({ code: 'later' });
    const { ca: _, ...unknown } = relay;
    await expect(relayMail(request(unknown))).rejects.toMatchObject({ code: 'later' }); // nobody vouches for it
    expect(server.mails).toHaveLength(1);
  }
});

test('STARTTLS that the relay does not have is no reason to go on without', async () => {
  await using server = await openMailServer();
  const relay = { endpoint: server.endpoint, tls: 'starttls' } as const;
  await expect(relayMail(request(relay))).rejects.toMatchObject({ name: 'SmtpRelayError', code: 'later' });
  expect(server.mails).toEqual([]);
});

test('nothing goes over a network in the clear', async () => {
  const relay = { endpoint: { host: 'mail.example.org', port: 25 }, tls: 'none' } as const;
  await expect(relayMail(request(relay))).rejects.toMatchObject({ code: 'insecure' });
});

test('what the relay refuses: some recipients, all of them, the sender, the message', async () => {
  await using server = await openMailServer();
  const relay = { endpoint: server.endpoint, tls: 'none' } as const;
  const to = ['bob@example.org', 'carol@example.org', 'dave@example.org'];
  server.answers.to.set('bob@example.org', 550).set('dave@example.org', 451);
  expect(await relayMail(request(relay, { to }))).toMatchObject({
    accepted: ['carol@example.org'],
    refused: [
      { to: 'bob@example.org', code: 550 },
      { to: 'dave@example.org', code: 451 },
    ],
  });
  expect(await relayMail(request(relay))).toMatchObject({ accepted: [], refused: [{ code: 550 }] });
  server.answers.to.clear();
  for (const [answers, code] of [
    [{ from: 550 }, 'refused'],
    [{ from: 451 }, 'later'],
    [{ data: 554 }, 'refused'],
    [{ data: 452 }, 'later'],
  ] as const) {
    Object.assign(server.answers, { from: undefined, data: undefined }, answers);
    await expect(relayMail(request(relay))).rejects.toMatchObject({ code });
  }
  expect(server.mails).toHaveLength(1);
});

test('an address that would end its command is never sent', async () => {
  await using server = await openMailServer();
  const relay = { endpoint: server.endpoint, tls: 'none' } as const;
  for (const to of ['a@b.c>\r\nRCPT TO:<x@y.z', 'a@b.c\r\nDATA', ''])
    await expect(relayMail(request(relay, { to: [to] }))).rejects.toMatchObject({ code: 'refused' });
  await expect(relayMail(request(relay, { to: [] }))).rejects.toMatchObject({ code: 'refused' });
  expect(server.mails).toEqual([]);
});

test('a message larger than the relay takes is refused before it is sent', async () => {
  await using server = await openMailServer({ size: 100 });
  const relay = { endpoint: server.endpoint, tls: 'none' } as const;
  await expect(relayMail(request(relay, { message: Buffer.alloc(101, 'x') }))).rejects.toMatchObject({
    code: 'refused',
  });
});

/** A server that says `greeting`, answers each line with `answer`, and closes when that is undefined. */
async function scripted(greeting: string, answer: (line: string) => string | undefined) {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (greeting !== '') socket.write(`${greeting}\r\n`);
    createInterface(socket).on('line', (line) => {
      const reply = answer(line);
      if (reply === undefined) socket.destroy();
      else socket.write(`${reply}\r\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const relay: RelayHost = { endpoint: { host: '127.0.0.1', port }, tls: 'none' };
  return { relay, [Symbol.dispose]: () => void server.close() };
}

test('a relay that is away, hangs up, or talks of other things: later', async () => {
  await expect(relayMail(request({ endpoint: { host: '127.0.0.1', port: 1 }, tls: 'none' }))).rejects.toMatchObject({
    name: 'SmtpRelayError',
    code: 'later',
  });
  using busy = await scripted('421 too busy', () => undefined);
  using gone = await scripted('220 here', () => undefined);
  using cut = await scripted('220 here', (line) => (line.startsWith('EHLO') ? '250 ok' : undefined));
  using web = await scripted('HTTP/1.1 400 Bad Request', () => undefined);
  for (const { relay } of [busy, gone, cut, web])
    await expect(relayMail(request(relay))).rejects.toMatchObject({ name: 'SmtpRelayError', code: 'later' });
});

test('a relay that says nothing is left when the time is over, or when we are told to stop', async () => {
  using silent = await scripted('', () => '250 ok');
  const clock = new VirtualClock();
  const late = relayMail(request(silent.relay, { clock, timeout: 30 * SECOND }));
  const refused = expect(late).rejects.toMatchObject({ code: 'later', message: 'the relay is too slow' });
  while (clock.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setTimeout(resolve, 20)); // connected
  await clock.advance(31 * SECOND);
  await refused;
  const stop = new AbortController();
  const stopped = relayMail(request(silent.relay, { signal: stop.signal }));
  stop.abort(new Error('closing'));
  await expect(stopped).rejects.toMatchObject({ code: 'later', message: 'closing' });
});
