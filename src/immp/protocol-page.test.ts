// docs/protocols/immp.md says what the code does, as far as a test can tell.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toHex } from '../base/bytes.ts';
import { authMessage, deriveH2, keyK2, proofK3, serverProofK3 } from './auth/keys.ts';
import { Refusal, type RefusalCode } from './codes.ts';

const page = readFileSync(new URL('../../docs/protocols/immp.md', import.meta.url), 'utf8');
const grammar = readFileSync(new URL('../../test/fixtures/immp/grammar.abnf', import.meta.url), 'utf8');

test('its grammar is the one that the parser is held to', () => {
  expect(page).toContain(`\`\`\`\n${grammar.trimEnd()}\n\`\`\``);
});

// spec: immp 4
test('its vectors are made from what it says', async () => {
  const vector = (name: string) => new RegExp(`^\\| ${name} \\| ([0-9a-f]+) \\|$`, 'm').exec(page)?.[1];
  const line = /^ {4}S: 303 (n1=.*s=0001.*)$/m.exec(page)?.[1] ?? '';
  const account = 'alice@domain.com';
  const nonces = { account, n1: '24c17bb6-11ef-4cfa-8c5c-440ceadc8431', n2: '1381978910' };
  const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  const h2 = await deriveH2('4wonder1and#', salt, { N: 32768, r: 8, p: 1 });
  const message = authMessage(account, line, Buffer.alloc(32, 0xab));
  const made = [h2, keyK2(h2, nonces), proofK3(h2, message), serverProofK3(h2, message)].map(toHex);
  expect(made).toEqual(['h2', 'K2', 'K3', 'v'].map(vector));
});

// spec: immp 2.13
test('it names every code that refuses', () => {
  const codes = page.slice(page.indexOf('## Codes'), page.indexOf('## Limits'));
  const all = Array.from({ length: 400 }, (_, at) => String(400 + at));
  const known = all.filter((code) => new Refusal(code as RefusalCode).message !== '');
  expect(known.length).toBeGreaterThan(30);
  expect(known.filter((code) => !codes.includes(code))).toEqual([]);
});
