// The dictionary: words of the seeds, and literals of the source under test, which is where a parser keeps its magic.

const MAX_WORD = 40;

/** Words worth inserting, each once, in an order that depends on the arguments alone. */
export function dictionary(seeds: readonly Buffer[], sources: readonly string[]): Buffer[] {
  const words = [
    ...seeds.flatMap((seed) => seed.toString('latin1').match(/[A-Za-z0-9_-]{2,40}|[^A-Za-z0-9_-]{2,4}/g) ?? []),
    ...sources.flatMap(literals),
  ];
  return [...new Set(words)]
    .filter((word) => word.length > 0 && word.length <= MAX_WORD)
    .map((word) => Buffer.from(word, 'latin1'));
}

/** String literals, and number literals both as text and as big-endian octets, as latin1 text. */
function literals(source: string): string[] {
  const found: string[] = [];
  for (const [, , text = ''] of source.matchAll(/(['"`])((?:\\.|(?!\1)[^\\\n])*)\1/g)) found.push(octetsOf(text));
  for (const [text] of source.matchAll(/\b(?:0x[0-9a-f_]+|\d[\d_]*)\b/gi)) {
    const value = Number(text.replaceAll('_', ''));
    if (!Number.isSafeInteger(value) || value > 0xffffffff) continue;
    found.push(String(value));
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(value);
    for (const width of [1, 2, 4]) {
      if (value < 2 ** (8 * width)) found.push(octets.subarray(4 - width).toString('latin1'));
    }
  }
  return found;
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', v: '\v', 0: '\0' };

function octetsOf(text: string): string {
  const octets = text.replace(/\\(?:x([0-9a-f]{2})|u00([0-9a-f]{2})|(.))/gi, (_, x, u, letter: string) =>
    letter === undefined ? String.fromCharCode(Number.parseInt(x ?? u, 16)) : (ESCAPES[letter] ?? letter),
  );
  return Buffer.from(octets).toString('latin1');
}
