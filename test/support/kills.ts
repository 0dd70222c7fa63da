// How often the crash tests kill: a few times in each run of the suite, as each start costs time, and as often as
// POSTERN_KILLS says for whoever wants to know it exactly.

/** `usual` when the environment names no number. */
export function killsWanted(usual: number): number {
  const wanted = Number(process.env['POSTERN_KILLS'] ?? usual);
  if (!Number.isInteger(wanted) || wanted < 1) throw new RangeError('POSTERN_KILLS is the number of kills, such as 30');
  return wanted;
}
