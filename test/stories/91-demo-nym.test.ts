// The whole path of a nym in one command: a network, a nymserver, a letter from outside and its answer, and what each party could
// find in all that it has.   spec: mixminion-nym 1

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { postern } from '../support/office.ts';

test('the demo of the nymserver tells its story, and nobody finds what he should not', async () => {
  const room = await mkdtemp(join(tmpdir(), 'postern-story-'));
  onTestFinished(() => rm(room, { recursive: true, force: true }));
  vi.stubEnv('TMPDIR', room); // of its own, to see that nothing is left in it
  const { code, out, err } = await postern('demo', 'nym');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const lines = out.split('\n').map((line) => line.trim());
  const line = (start: string) => lines.find((text) => text.startsWith(start)) ?? '';
  expect(out).toContain('the nym is open');
  expect(out).toMatch(/mail\s+1, [\d.]+ KiB, sealed/);
  expect(out).toContain('Alice has it, by reply blocks. "Is it open tonight?"');
  expect(out).toContain('From: alice@nym.test, Subject: Re: the gate. "It is. Come alone."');
  expect(line('Bob’s mail server')).toMatch(/Finds the nym, what Alice wrote\. Does not find Alice’s own mailbox, .*/);
  expect(line('Gull, the nymserver')).toMatch(
    /Finds the nym\. Does not find Alice’s own mailbox, what Bob wrote, what Alice wrote\./,
  );
  expect(line('Amber, Birch, Cedar')).toMatch(/\d\d packets that passed, each of 32 KiB\. Does not find the nym, /);
  expect(line('Alice’s mail provider')).toMatch(/\d mails for her, each of [\d.]+ KiB\. Finds Alice’s own mailbox\./);
  expect(await readdir(room)).toEqual([]);
}, 120_000);
