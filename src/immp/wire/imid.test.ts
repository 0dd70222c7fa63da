// spec: immp 1.2, 3

import { expect, test } from 'vitest';
import { WireError } from './errors.ts';
import { accountName, canonicalNode, formatImid, imid, node, place } from './imid.ts';

const read = (text: string) => {
  const found = node.read(text);
  if (found === undefined) throw new Error(`${text} is no node`);
  return found;
};

test('a name is the same however its letters are written', () => {
  expect(accountName(read('Helpdesk/ALICE+lists@Domain.COM'))).toBe('helpdesk/alice@domain.com');
  expect(accountName(read('jo\u0308rg@a.b'))).toBe(accountName(read('J\u00d6RG@A.B')));
});

test('a node has two spellings and one canonical form', () => {
  for (const text of ['newsletter@website.com/updates', 'newsletter/updates@website.com'])
    expect(formatImid(canonicalNode(read(text)))).toBe('newsletter/updates@website.com');
});

test('a place is an IMID or a domain', () => {
  expect(place.read('b.com')).toBe('b.com');
  expect(place.read('bob@b.com')).toEqual({ local: 'bob', domain: 'b.com' });
  expect(imid.read('newsletter@website.com/updates')).toBeUndefined();
});

test.each([
  `a@${'x'.repeat(254)}`,
  'a/b/c/d/e@f.g',
  'a/b/c@f.g/d/e',
  `${'ä'.repeat(64)}/${'ä'.repeat(64)}/${'ä'.repeat(64)}/${'ä'.repeat(64)}@a.b`,
])('%s is beyond the limits', (text) => {
  expect(() => node.read(text)).toThrow(WireError);
});
