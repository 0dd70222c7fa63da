// The directory server as a counter of the office. It does nothing until the operator gives it an address to listen on.

import { type Endpoint, isLoopback } from '../../net/endpoint.ts';
import { type Port, Ports } from '../../net/ports.ts';
import type { Controls } from '../../post/control.ts';
import type { Counter, Danger, House, Listening, OpenCounter } from '../../post/counter.ts';
import { authorityControls } from './controls.ts';
import { type AuthoritySettings, settings } from './settings.ts';
import type { Work } from './work.ts';

export const directory: Counter<AuthoritySettings> = {
  name: 'directory',
  title: 'Type III directory',
  settings,
  controls: authorityControls,
  dangers,
  listens: ({ listen, listen_tls }) => [...listen, ...listen_tls],
  open: async (house, settings) => {
    const open = new OpenDirectory();
    await open.reload(house, settings);
    return open;
  },
};

function dangers({ listen, listen_tls, approve }: AuthoritySettings): Danger[] {
  if (approve === 'operator' || [...listen, ...listen_tls].every(({ host }) => isLoopback(host))) return [];
  return [
    {
      setting: 'directory.approve',
      message: 'whoever can reach this directory could fill it with remailers of his own, and see all mail',
      remedy: 'set approve = "operator", or listen on 127.0.0.1 only',
    },
  ];
}

/** Closed, or at work. */
class OpenDirectory implements OpenCounter<AuthoritySettings> {
  readonly #ports = new Ports();
  #work: Work | undefined;

  get listening(): readonly Listening[] {
    return this.#ports.listening;
  }

  get connections(): number {
    return this.#ports.connections;
  }

  get controls(): Controls<AuthoritySettings> {
    return this.#work?.controls ?? {};
  }

  async reload(house: House, settings: AuthoritySettings): Promise<void> {
    const wanted = directory.listens(settings).length > 0;
    if (wanted && this.#work === undefined) {
      const { Work } = await import('./work.ts');
      this.#work = await Work.open(house, settings);
    }
    const work = this.#work;
    await this.#ports.use(work === undefined ? [] : portsOf(work, house, settings));
    work?.use(house, settings, this.listening);
    if (wanted) return work?.start();
    this.#work = undefined;
    await work?.stop();
  }

  async close(grace: number): Promise<void> {
    this.#work?.leave();
    await Promise.all([this.#ports.close(grace), this.#work?.stop()]);
  }
}

function portsOf(work: Work, { post, identity }: House, settings: AuthoritySettings): Port[] {
  const port = (what: string, at: Endpoint) => ({
    what,
    at,
    limits: {
      connections: settings.connections,
      perAddress: isLoopback(at.host) ? undefined : settings.connections_per_address,
    },
    clock: post.clock,
    serve: (connection: Parameters<Port['serve']>[0]) => work.http.serve(connection),
    refused: (reason: string) => work.countRefused({ reason }),
  });
  return [
    ...settings.listen.map((at) => port('HTTP', at)),
    ...settings.listen_tls.map((at) => ({ ...port('HTTPS', at), identity })),
  ];
}
