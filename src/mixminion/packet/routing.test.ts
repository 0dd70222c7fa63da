// Names that packets may carry, against the vectors of the original program.

import { expect, test } from 'vitest';
import { hex, mixminionVectors } from '../../../test/support/vectors.ts';
import { CounterRandom } from '../../crypto/aes-ctr.ts';
import { hasTag, isHostname, isMailbox, RoutingType, randomTag, splitExitInfo } from './routing.ts';

const { hostname, smtp } = mixminionVectors<Record<'hostname' | 'smtp', { in: string; ok: boolean }[]>>('addresses');

// spec: mixminion-packet 4.1, 4.2
test('host names and mailboxes are accepted and refused as in the original', () => {
  for (const { in: text, ok } of hostname) expect([text, isHostname(text)]).toEqual([text, ok]);
  for (const { in: text, ok } of smtp) expect([text, isMailbox(text)]).toEqual([text, ok]);
});

test('a long name is read in no more than its time', () => {
  expect(isMailbox(`${'a.'.repeat(50_000)}@`)).toBe(false);
  expect(isHostname(`${'a-'.repeat(50_000)}_`)).toBe(false);
});

// spec: mixminion-packet 4.2, 4.3
test('tags: the top bit clear, in front of the address of those types that have one', () => {
  const tag = randomTag(new CounterRandom(hex('2a777f8e6b60796ab32bc9c67c79cfb7')));
  expect(tag.toString('hex')).toBe('2679773a4d537e9d2a328064131669f5dc6cf091');
  const routingInfo = Buffer.concat([tag, Buffer.from('bob')]);
  expect(splitExitInfo({ routingType: RoutingType.MBOX, routingInfo })).toEqual({ tag, address: Buffer.from('bob') });
  const short = Buffer.from('bob');
  expect(splitExitInfo({ routingType: RoutingType.MBOX, routingInfo: short })).toMatchObject({ address: short });
  expect(splitExitInfo({ routingType: RoutingType.PING, routingInfo: tag })).toMatchObject({ address: tag });
  expect([RoutingType.DROP, RoutingType.FRAGMENT, RoutingType.PING].some(hasTag)).toBe(false);
});
