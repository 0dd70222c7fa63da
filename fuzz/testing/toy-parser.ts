// A toy format and three planted bugs, so that the harness's own test can see it find them.

export class ToyError extends Error {}

/** Takes four magic octets, a size octet, and as many octets. */
export function parseToy(input: Uint8Array): Uint8Array {
  // Each right octet is a step that only coverage shows: none of them stands here as a literal.
  if (scramble(input[0]) !== 31) throw new ToyError('first octet');
  if (scramble(input[1]) !== 208) throw new ToyError('second octet');
  if (scramble(input[2]) !== 5) throw new ToyError('third octet');
  if (scramble(input[3]) !== 174) throw new ToyError('fourth octet');
  const size = input[4] ?? 0;
  if (size > input.length - 5) throw new RangeError('the planted bug: a size that nobody checked');
  return input.subarray(5, 5 + size);
}

function scramble(octet = 0): number {
  return (octet * 37 + 101) % 256;
}

/** Skips blanks, and forgets to move on at a tab. */
export function skipBlanks(input: Uint8Array): number {
  let at = 0;
  while (input[at] === 0x20 || input[at] === 0x09) if (input[at] === 0x20) at += 1;
  return at;
}

/** Makes room for what the first octets promise, whether or not it comes. */
export function makeRoom(input: Buffer): Buffer {
  if (input.length < 4) throw new ToyError('too short');
  return Buffer.allocUnsafeSlow(Math.min(input.readUInt32BE(), 0x12ffffff));
}
