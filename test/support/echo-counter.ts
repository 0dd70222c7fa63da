// The smallest counter there can be: says every line back, the greeting from its settings in front. For tests of the office.

import { z } from 'zod';
import { PosternError } from '../../src/base/errors.ts';
import { SECOND } from '../../src/base/time.ts';
import type { Connection } from '../../src/net/connection.ts';
import { Ports } from '../../src/net/ports.ts';
import { control } from '../../src/post/control.ts';
import type { Counter, House } from '../../src/post/counter.ts';
import { endpointsSetting, textSetting } from '../../src/post/setting-kinds.ts';

const settings = z.strictObject({
  listen: endpointsSetting(['127.0.0.1:0'], 'Where it listens.'),
  greeting: textSetting('echo', 'What stands before each line. "boom" breaks a reload.'),
});
type EchoSettings = z.infer<typeof settings>;

export const echo: Counter<EchoSettings> = {
  name: 'echo',
  title: 'Echo',
  settings,
  firstSteps: ['postern echo hello'],
  warnings: ({ greeting }) =>
    greeting === 'hush' ? [{ setting: 'echo.greeting', message: 'few will hear it', remedy: 'speak up' }] : [],
  listens: ({ listen }) => listen,
  controls: {
    repeat: control<EchoSettings, { text: string }>(z.strictObject({ text: z.string() }), async (desk, { text }) => {
      if (text === '') throw new PosternError('nothing', 'there is nothing to repeat', { remedy: 'say something' });
      return `${desk.settings.greeting} ${text}`;
    }),
  },
  async open(house, first) {
    let current = first;
    const ports = new Ports();
    const use = ({ identity }: House, { listen }: EchoSettings) =>
      ports.use(
        listen.map((at) => ({
          what: 'TLS',
          at,
          identity,
          limits: { connections: 10 },
          serve: (connection) => answer(connection, () => current.greeting),
        })),
      );
    await use(house, first);
    return {
      get listening() {
        return ports.listening;
      },
      get connections() {
        return ports.connections;
      },
      async reload(changed, next) {
        if (next.greeting === 'boom') throw new Error('the greeting is unbearable');
        await use(changed, next);
        current = next;
      },
      controls: { open: control(z.null(), async () => ports.connections) },
      close: (grace) => ports.close(grace),
    };
  },
};

async function answer(connection: Connection, greeting: () => string): Promise<void> {
  for (let line = await next(connection); line !== undefined; line = await next(connection)) {
    await connection.write(`${greeting()} ${line.toString()}\n`);
  }
}

function next(connection: Connection): Promise<Buffer | undefined> {
  return connection.line(1000, 30 * SECOND);
}
