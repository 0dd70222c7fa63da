// fetch-mail: a mailbox on a server into a local directory.   spec: ima 1.3, 2.8

import { readFile } from 'node:fs/promises';
import { type Endpoint, parseEndpoint } from '../../net/endpoint.ts';
import { systemResolver } from '../../net/resolver.ts';
import { ImaError } from '../errors.ts';
import { ImrpClient } from '../imrp/client.ts';
import { fetchMailbox } from '../imrp/fetching.ts';
import { placesOf } from '../sending/places.ts';
import { loadTrust } from '../trust/load.ts';
import { dialIma } from '../trust/peer.ts';
import type { Program } from './program.ts';
import { readKeyPair, refuseOpenSecret } from './secrets.ts';

export const fetchMail: Program<'fetch-mail'> = {
  name: 'fetch-mail',
  about: 'Copies your mailbox on a server into a local directory, and brings both into step.',
  usage: '[--delete]',
  example: 'fetch-mail --config ~/.config/fetch-mail.toml',
  options: { delete: { type: 'boolean' } },
  optionHelp: [['--delete', 'delete on the server what was fetched']],
  async run({ settings, values, clock, random, say }) {
    const { host, user, password_file } = settings;
    if (host === '' || user === '') throw new ImaError('usage', 'set `host` and `user` in fetch-mail_config.toml');
    const at = parseEndpoint(host);
    const name = settings.name || (at?.host ?? host);
    const own = settings.cert === '' ? undefined : await readKeyPair(settings);
    if (password_file !== '') await refuseOpenSecret(password_file);
    const trust = await loadTrust(settings);
    const places = at ? [at] : await placesOf(host, 'imrp', { resolver: systemResolver, random, fixed: new Map() });
    const to: Endpoint | undefined = places[0];
    if (to === undefined) throw new ImaError('later', `there is no server for ${host}`);
    const client = new ImrpClient(await dialIma({ to, host: name, trust, own, clock }));
    try {
      await client.logIn(
        user,
        password_file === '' ? undefined : (await readFile(password_file, 'utf8')).replace(/\r?\n$/, ''),
      );
      const remove = settings.delete || values['delete'] === true;
      const { fetched, removed, flagged } = await fetchMailbox({
        client,
        folder: settings.local_dir,
        remove,
        tools: { clock, random },
      });
      await say(`${fetched} fetched, ${removed} removed, ${flagged} flagged`);
      return 0;
    } finally {
      await client.done();
    }
  },
};
