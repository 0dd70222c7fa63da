// The chapter of the demo that tells of the mix: a network of six remailers, a packet that is followed through all of them, and an
// answer to somebody whom the answerer does not know.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../base/log.ts';
import { fastClock, MINUTE, systemClock } from '../../base/time.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import type { Chapter, Stage } from '../../post/demo.ts';
import { answer, onePacket, playStory, type StoryEvent } from './story.ts';
import { Testnet } from './testnet.ts';
import { inWords } from './words.ts';

const SPEED = 400;
/** Of the machine's time, for the letter and its answer: many times what they take. */
const PATIENCE = 2 * MINUTE;

export const chapter: Chapter = {
  title: 'Type III: a letter whose carriers do not know who writes to whom',
  settings: '',
  onlyWhenNamed: true,
  async tell(stage) {
    const folder = await mkdtemp(join(tmpdir(), 'postern-mix-'));
    try {
      await tellIn(stage, folder);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function tellIn({ post, say, serverSees }: Stage, folder: string): Promise<void> {
  const clock = fastClock({ begun: systemClock.now(), speed: SPEED });
  await using net = await Testnet.open({ folder, clock, log: silentLog });
  const places = net.nodes.map(({ nickname, at }) => `${nickname} (${formatEndpoint(at)})`);
  say(`Six remailers are opened on this machine, and a directory server that lists them. Their time runs ${SPEED} times
as fast as yours, and each mixes every two minutes of it: ${places.join(', ')}.`);
  const homes = { alice: await net.home('alice'), bob: await net.home('bob') };
  const signal = AbortSignal.timeout(PATIENCE);
  let legs: readonly (readonly string[])[] = [];
  const tell = (event: StoryEvent) => {
    if (event.event === 'way') ({ legs } = event);
    say(inWords(event, SPEED));
  };
  await playStory({ net, random: post.random, homes, signal, tell }, [onePacket]);
  const [first = '', second = '', ...others] = legs.flat();
  const [exit = '', before = ''] = [...others].reverse();
  serverSees([
    [
      first,
      `that a packet came from Alice’s address and went to ${second}; not whether she made it, nor where it ends`,
    ],
    [
      before,
      `a packet of 32768 octets from a neighbour, another one to ${exit}; which belongs to which, it alone knows`,
    ],
    [exit, `the text, as Alice did not encrypt it, and the name bob; that it came from ${before}, among others`],
    ['the line', 'packets of one size between remailers, each new at every hop, in batches and in another order'],
  ]);
  await playStory({ net, random: post.random, homes, signal, tell }, [answer]);
  say('To look around in such a network yourself: postern mix testnet');
}
