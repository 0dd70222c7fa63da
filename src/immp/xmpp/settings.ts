// What the operator may set about XMPP; part of the [immp] section.   spec: immp 2.12

import { z } from 'zod';
import { endpointsSetting, listSetting, textSetting } from '../../post/setting-kinds.ts';
import { domain } from '../wire/imid.ts';

export const xmppSettings = z.strictObject({
  server: endpointsSetting(
    [],
    'The XMPP server that has this office as its component immp.DOMAIN, such as ["127.0.0.1:5347"]. [] switches XMPP off.',
  ),
  secret: textSetting('', 'The secret of the component.'),
  domains: listSetting(
    (text) => (text.length > 253 ? undefined : domain.read(text)?.toLowerCase()),
    'write a list of domains, such as ["example.org"]',
    [],
    'Domains whose mail goes over XMPP when it is not too large, sealed, and over TCP when nothing comes of that.',
  ),
});
