// A bad day: a thousand connections that want nothing, others that trickle, lie about sizes or stop half-way. The office stays
// small, keeps nothing of it, and goes on serving.

import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { dial } from '../../src/net/dial.ts';
import { SmallMailClient } from '../../src/smallmail/client.ts';
import { tlsTo } from '../support/counter.ts';
import { makeDataFolder, type OfficeProcess, postern, startOffice } from '../support/office.ts';
import { makePerson } from '../support/pgp.ts';

const CROWD = 1000;
const MIB = 1024 * 1024;

function resident(office: OfficeProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${office.child.pid}/status`, 'utf8'))?.[1]) * 1024;
}

async function serves(office: OfficeProcess): Promise<void> {
  const person = await makePerson();
  const client = new SmallMailClient(await dial({ to: { host: '127.0.0.1', port: office.port('SmallMail') } }));
  expect(await client.create(person.key)).toBe(person.mailbox);
  await client.send(person.mailbox, await person.seal('still here'));
  await client.close();
}

async function crowd(office: OfficeProcess, count: number, each: (socket: TLSSocket) => void): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  for (let made = 0; made < count; made += 50) {
    const batch = Array.from({ length: Math.min(50, count - made) }, () => tlsTo(office.port('SmallMail')));
    for (const result of await Promise.allSettled(batch)) {
      if (result.status === 'rejected') continue;
      result.value.on('error', () => {});
      each(result.value);
      sockets.push(result.value);
    }
  }
  return sockets;
}

test('beyond its limits the office turns away, and within them a thousand idlers cost little', async () => {
  await using narrow = await makeDataFolder('[smallmail]\nconnections = 20\nconnections_per_address = 20\n');
  const office = await startOffice(narrow.path);
  const kept = await crowd(office, 60, () => {});
  await expect(dial({ to: { host: '127.0.0.1', port: office.port('SmallMail') } })).rejects.toMatchObject({
    code: 'unreachable',
  });
  for (const socket of kept) socket.destroy();
  await expect
    .poll(
      () =>
        serves(office).then(
          () => true,
          () => false,
        ),
      { timeout: 5000 },
    )
    .toBe(true);
  expect(await office.end('SIGTERM')).toBe(0);
}, 60_000);

test('a thousand that stop half-way keep nothing and leave the memory bounded', async () => {
  const wide =
    '[smallmail]\nconnections = 3000\nconnections_per_address = 3000\ncreate_rate = "100000/s"\nsend_rate = "100000/s"\nmailbox_rate = "100000/s"\n';
  await using folder = await makeDataFolder(wide);
  const office = await startOffice(folder.path);
  const victim = await makePerson();
  const client = new SmallMailClient(await dial({ to: { host: '127.0.0.1', port: office.port('SmallMail') } }));
  await client.create(victim.key);
  await client.close();
  const before = resident(office);

  const tricks: ((socket: TLSSocket) => void)[] = [
    () => {}, // says nothing
    (socket) => socket.write('LIST'), // no line's end
    (socket) => socket.write('A'.repeat(900)),
    (socket) => socket.write('CRID 65536\n'), // a key that never comes
    (socket) => socket.write(Buffer.concat([Buffer.from('CRID 65536\n'), Buffer.alloc(60_000)])),
    (socket) => socket.write(`SEND ${victim.mailbox} 10485760\nBODY 10485760\n`), // a body that never comes
    (socket) =>
      socket.write(
        Buffer.concat([Buffer.from(`SEND ${victim.mailbox} 10485760\nBODY 10485760\n`), Buffer.alloc(200_000)]),
      ),
    (socket) => socket.write(`LIST ${victim.mailbox}\nRESP 8192\n`), // a response that never comes
    (socket) => void socket.end('QUIT\n'),
    (socket) => socket.write('X\nX\nX\n'),
  ];
  let turn = 0;
  const sockets = await crowd(office, CROWD, (socket) => tricks[turn++ % tricks.length]?.(socket));
  expect(sockets.length).toBe(CROWD);
  await serves(office);
  const grown = (resident(office) - before) / MIB;
  expect(grown, 'MiB for a thousand bad connections').toBeLessThan(350);
  for (const socket of sockets) socket.destroy();
  await serves(office);

  expect(await office.end('SIGTERM')).toBe(0);
  expect(office.log()).not.toContain(victim.mailbox);
  expect(office.log()).not.toContain('127.0.0.1');
  const verified = JSON.parse((await postern('verify', '--data', folder.path, '--json')).out);
  expect(verified).toMatchObject({ faults: [] });
  console.log(`${CROWD} bad connections: ${grown.toFixed(0)} MiB`);
}, 60_000);
