// What the operator of a remailer says about directories: where they come from, and where the own descriptors go.

import { z } from 'zod';
import { durationSetting, flagSetting } from '../../../post/setting-kinds.ts';
import { directoryServersSetting, urlsSetting } from '../../directory/server-setting.ts';

export const directorySettings = z.strictObject({
  servers: directoryServersSetting(
    'The directory servers of the network, each as "FINGERPRINT URL". A directory counts when more than half of them ' +
      'have signed it (one of them for the old format 0.2). An URL that ends in "/" is the base of a server of format 0.3.',
  ),
  publish: flagSetting(false, 'Whether the descriptors of this remailer are sent to the directory servers.'),
  publish_urls: urlsSetting(
    'Where they are sent. Empty: to "upload" below each URL of `servers` that ends in "/"; ' +
      'old servers take them at "…/minion-cgi/publish".',
  ),
  timeout: durationSetting('1 min', 'How long one request to a directory server may take.').refine((time) => time > 0, {
    error: 'write a time such as "1 min"',
  }),
  check_signatures: flagSetting(
    true,
    'false takes directories that nobody has signed, as the old program does: for test networks only.',
  ),
});

export type DirectorySettings = z.infer<typeof directorySettings>;

/** Where descriptors go; nowhere unless the operator wants it.   spec: mixminion-directory 6.2 */
export function publishUrls({ servers, publish, publish_urls }: DirectorySettings): readonly string[] {
  if (!publish) return [];
  if (publish_urls.length > 0) return publish_urls;
  return servers.flatMap(({ url }) => (url.endsWith('/') ? [`${url}upload`] : []));
}
