// Repeatable chance: the same seed gives the same draws. Quick, and good for nothing but fuzzing (sfc32).

/** A whole number from 0 to `bound - 1`. */
export type Draw = (bound: number) => number;

export function seededDraw(seed: number): Draw {
  let [a, b, c, count] = [seed | 0, Math.floor(seed / 2 ** 32) | 0, 0x9e3779b9 | 0, 1];
  const next = () => {
    const sum = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i += 1) next();
  return (bound) => Math.floor((next() / 2 ** 32) * bound);
}
