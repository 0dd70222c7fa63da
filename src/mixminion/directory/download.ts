// Fetches a directory by HTTP, with a limit on its size and on the time.   spec: mixminion-directory 6.1

import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { messageOf } from '../../base/errors.ts';
import { replaceFile } from '../../base/files.ts';
import { type Clock, MINUTE, systemClock } from '../../base/time.ts';
import { Directory, type DirectoryOptions } from './directory.ts';
import { DownloadError } from './errors.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const MAX_SKEW = 30 * MINUTE;

export interface DownloadOptions {
  /** For all of it, in milliseconds; a minute when not given. */
  readonly timeout?: number;
  /** Octets of the answer; 16 MiB when not given. */
  readonly maxBytes?: number;
  /** URL of an HTTP proxy, for `http:` addresses only. */
  readonly proxy?: string;
  /** Told when the server's clock and ours are far apart. */
  readonly onWarning?: (text: string) => void;
  readonly clock?: Clock;
}

/**
 * The octets of the directory that `server.url` names, as they were sent; below an URL that ends in `/` it is the file
 * `current.gz`. Throws DownloadError. What came is not checked: `Directory.parse` does that.
 */
export async function downloadDirectory(
  server: { readonly url: string },
  options: DownloadOptions = {},
): Promise<Buffer> {
  const { timeout = MINUTE, clock = systemClock } = options;
  const target = targetOf(server.url);
  const request = startRequest(target, options.proxy);
  let late = false;
  const cancel = clock.timer(timeout, () => {
    late = true;
    request.destroy();
  });
  try {
    const response = await answerTo(request);
    if (response.statusCode !== 200)
      throw new DownloadError('download-failed', `the directory server answers ${response.statusCode}`);
    warnOfSkew(response, clock, options.onWarning);
    return await bodyOf(response, options.maxBytes ?? MAX_BYTES);
  } catch (cause) {
    if (late) throw new DownloadError('download-timeout', 'the directory server is too slow', { cause });
    if (cause instanceof DownloadError) throw cause;
    throw new DownloadError('download-failed', `the directory cannot be fetched: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
    request.destroy();
  }
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

function targetOf(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:')
    throw new DownloadError('download-failed', 'the address of a directory server is an http or https URL');
  return target.pathname.endsWith('/') ? new URL('current.gz', target) : target;
}

function startRequest(target: URL, proxy: string | undefined): ClientRequest {
  const headers = { Pragma: 'no-cache', 'Cache-Control': 'no-cache', Host: target.host };
  if (proxy === undefined) {
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    return send(target, { headers, agent: false });
  }
  if (target.protocol === 'https:' || !URL.canParse(proxy))
    throw new DownloadError('download-failed', 'a proxy needs an URL of its own and an http address to fetch');
  const { hostname, port } = new URL(proxy);
  return requestHttp({ hostname, port: port || 80, path: target.href, headers, agent: false });
}

function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject); // stays, as one may come after the answer too
    request.once('close', () => reject(new Error('the connection ended without an answer')));
    request.end();
  });
}

async function bodyOf(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit)
      throw new DownloadError('download-too-large', `the directory has more than ${limit} octets`, {
        remedy: 'allow more if you trust this server',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function warnOfSkew(response: IncomingMessage, clock: Clock, warn?: (text: string) => void): void {
  const stated = Date.parse(response.headers.date ?? '');
  if (Math.abs(stated - clock.now()) > MAX_SKEW)
    warn?.('the clocks of the directory server and of this machine are more than half an hour apart');
}
