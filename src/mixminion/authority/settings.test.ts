// What an operator may write into the section of the directory server, and what is refused.

import { expect, test } from 'vitest';
import { directory } from './counter.ts';
import { settings as schema } from './settings.ts';

test('everybody in at once is refused where others can reach it', () => {
  const found = (listen: string) => directory.dangers?.(schema.parse({ listen: [listen], approve: 'all' }));
  expect(found('127.0.0.1:80')).toEqual([]);
  expect(found('0.0.0.0:80')).toMatchObject([{ setting: 'directory.approve' }]);
});

test.each([
  { url: 'http://x.example' },
  { url: 'ftp://x.example/' },
  { voters: ['nobody'] },
  { voters: [`${'AB'.repeat(20)} http://x.example/`] }, // without an URL of its own
  { voters: [`${'AB'.repeat(20)} http://x.example`], url: 'http://y.example/' },
  {
    voters: [`${'AB'.repeat(20)} http://x.example/`, `${'ab'.repeat(20)} http://z.example/`],
    url: 'http://y.example/',
  },
  { client_versions: ['new'] },
  { least_reliability: 101 },
])('%j is refused', (given) => {
  expect(schema.safeParse(given).success).toBe(false);
});
