// Switches that a command knows. Others are refused, and so is one that is both on and off.   spec: immp 2.1

import { Refusal } from '../codes.ts';

export function onlySwitches(switches: readonly string[], known: readonly string[]): void {
  const twofold = switches.some((each) => each.startsWith('+') && switches.includes(each.replace('+', '-')));
  if (twofold || switches.some((each) => !known.includes(each))) throw new Refusal('406');
}
