// Padding on links that would be silent: at each mix, some of the servers that get no packet get one that means nothing.
// spec: mixminion-server 5; mixminion-mmtp 6

import { type Random, randomInt } from '../../../base/random.ts';

const RESOLUTION = 1_000_000;

/** How likely a silent link is padded at one mix. Intervals in ms. */
export function paddingChance(mixInterval: number, probePeriod: number): number {
  return Math.min(1, mixInterval / probePeriod);
}

/** Which of `servers` get padding: each that is not `busy`, with that chance. */
export function choosePadding<Server>(
  servers: readonly Server[],
  busy: (server: Server) => boolean,
  chance: number,
  random: Random,
): Server[] {
  return servers.filter((server) => !busy(server) && randomInt(random, RESOLUTION) < chance * RESOLUTION);
}
