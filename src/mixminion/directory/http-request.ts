// One HTTP request to a directory server and its whole answer, with a limit on the size and on the time of all of it.
// spec: mixminion-directory 6

import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { messageOf } from '../../base/errors.ts';
import { systemRandom } from '../../base/random.ts';
import { type Clock, MINUTE, systemClock } from '../../base/time.ts';
import { openSocket } from '../../net/dial.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { NetError } from '../../net/errors.ts';
import { isolated, parseSocksUrl } from '../../net/socks-url.ts';
import { DownloadError } from './errors.ts';

const MAX_BYTES = 16 * 1024 * 1024;

export interface HttpOptions {
  /** For all of it, in milliseconds; a minute when not given. */
  readonly timeout?: number;
  /** Octets of the answer; 16 MiB when not given. */
  readonly maxBytes?: number;
  /** URL of a SOCKS5 proxy (`socks5:`), which looks up the name, or of an HTTP proxy, for `http:` addresses only. */
  readonly proxy?: string;
  readonly clock?: Clock;
  /** Breaks it off. */
  readonly signal?: AbortSignal | undefined;
}

interface HttpAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** The answer of status 200, to GET or, with a `form` (its fields encoded), to POST. Throws DownloadError. */
export async function httpRequest(target: URL, options: HttpOptions = {}, form?: string): Promise<HttpAnswer> {
  const { timeout = MINUTE, clock = systemClock, maxBytes = MAX_BYTES, proxy } = options;
  const socks = proxy === undefined ? undefined : parseSocksUrl(proxy);
  const end = clock.now() + timeout;
  const request = socks
    ? startRequest(target, { tunnel: await openTunnel(target, socks, { timeout, clock }) }, form)
    : startRequest(target, { proxy }, form);
  let late = false;
  const cancel = clock.timer(end - clock.now(), () => {
    late = true;
    request.destroy();
  });
  try {
    const response = await answerTo(request, form);
    if (response.statusCode !== 200)
      throw new DownloadError('download-failed', `the directory server answers ${response.statusCode}`);
    return { headers: response.headers, body: await bodyOf(response, maxBytes) };
  } catch (cause) {
    if (late) throw new DownloadError('download-timeout', 'the directory server is too slow', { cause });
    if (cause instanceof DownloadError) throw cause;
    throw new DownloadError('download-failed', `the directory server cannot be asked: ${messageOf(cause)}`, { cause });
  } finally {
    cancel();
    request.destroy();
  }
}

/** Throws DownloadError unless `url` is one of http or https. */
export function httpTarget(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target?.protocol !== 'http:' && target?.protocol !== 'https:')
    throw new DownloadError('download-failed', 'the address of a directory server is an http or https URL');
  return target;
}

interface Way {
  /** A connection that is open already. */
  readonly tunnel?: Socket;
  /** URL of an HTTP proxy. */
  readonly proxy?: string | undefined;
}

function startRequest(target: URL, { tunnel, proxy }: Way, form: string | undefined): ClientRequest {
  const asForm = {
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': Buffer.byteLength(form ?? ''),
  };
  const options = {
    method: form === undefined ? 'GET' : 'POST',
    headers: {
      Pragma: 'no-cache',
      'Cache-Control': 'no-cache',
      Host: target.host,
      ...(form === undefined ? {} : asForm),
    },
    ...(tunnel === undefined ? { agent: false } : { createConnection: () => tunnel }),
  };
  if (proxy === undefined) {
    const send = target.protocol === 'https:' ? requestHttps : requestHttp;
    return send(target, options);
  }
  if (target.protocol === 'https:' || !URL.canParse(proxy))
    throw new DownloadError('download-failed', 'a proxy needs an URL of its own and an http address to fetch');
  const { hostname, port } = new URL(proxy);
  return requestHttp({ hostname, port: port || 80, path: target.href, ...options });
}

/** A connection to the server through a SOCKS5 proxy, with TLS when the URL asks for it. */
async function openTunnel(
  { protocol, hostname, port }: URL,
  proxy: Endpoint,
  limits: { timeout: number; clock: Clock },
): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const to = { host, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
  try {
    const socket = await openSocket({ to, proxy: isolated(proxy, systemRandom), ...limits });
    if (protocol === 'http:') return socket;
    return connectTls({ socket, host, ...(isIP(host) === 0 ? { servername: host } : {}) });
  } catch (cause) {
    if (cause instanceof NetError) throw new DownloadError('download-failed', cause.message, { cause });
    throw cause;
  }
}

function answerTo(request: ClientRequest, form: string | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.on('error', reject); // stays, as one may come after the answer too
    request.once('close', () => reject(new Error('the connection ended without an answer')));
    request.end(form);
  });
}

async function bodyOf(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit)
      throw new DownloadError('download-too-large', `the directory server sends more than ${limit} octets`, {
        remedy: 'allow more if you trust this server',
      });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}
