// Fetches a directory by HTTP, with a limit on its size and on the time.   spec: mixminion-directory 6.1

import { replaceFile } from '../../base/files.ts';
import { MINUTE, systemClock } from '../../base/time.ts';
import { Directory, type DirectoryOptions } from './directory.ts';
import { type HttpOptions, httpRequest, httpTarget } from './http-request.ts';

const MAX_SKEW = 30 * MINUTE;

export interface DownloadOptions extends HttpOptions {
  /** Told when the server's clock and ours are far apart. */
  readonly onWarning?: (text: string) => void;
}

/**
 * The octets of the directory that `server.url` names, as they were sent; below an URL that ends in `/` it is the file
 * `current.gz`. Throws DownloadError. What came is not checked: `Directory.parse` does that.
 */
export async function downloadDirectory(
  server: { readonly url: string },
  options: DownloadOptions = {},
): Promise<Buffer> {
  const target = httpTarget(server.url);
  const { headers, body } = await httpRequest(
    target.pathname.endsWith('/') ? new URL('current.gz', target) : target,
    options,
  );
  const skew = Date.parse(headers.date ?? '') - (options.clock ?? systemClock).now();
  if (Math.abs(skew) > MAX_SKEW)
    options.onWarning?.('the clocks of the directory server and of this machine are more than half an hour apart');
  return body;
}

/**
 * Fetches a directory, checks it as `Directory.parse` does, and puts it in the place of the file `path` in one step.
 * Throws DownloadError, DirectoryError, or errors of the file system; the old file stays then.
 */
export async function downloadDirectoryTo(
  path: string,
  server: { readonly url: string },
  options: DownloadOptions & DirectoryOptions = {},
): Promise<Directory> {
  const data = await downloadDirectory(server, options);
  const directory = Directory.parse(data, options);
  await replaceFile(path, data);
  return directory;
}
