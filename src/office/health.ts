// The page for whoever watches the office, over HTTP on loopback: /health says whether mail can be taken in, /metrics how much.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { codeOf, messageOf } from '../base/errors.ts';
import { type Clock, SECOND, sleep } from '../base/time.ts';
import { type Endpoint, formatEndpoint, isLoopback, parseEndpoint } from '../net/endpoint.ts';
import type { Store } from '../store/store.ts';
import { OfficeError } from './errors.ts';
import type { OfficeMetrics } from './metrics.ts';

const STORE_PATIENCE = 5 * SECOND;
/** Many who ask at once share one look at the store. */
const GOOD_FOR = SECOND;
const REQUEST_TIMEOUT = 10 * SECOND;

export interface Health {
  readonly ok: boolean;
  /** Why not, when it is not. */
  readonly reason?: string;
  /** How long the store took to keep a small document durably and to give it back. */
  readonly storeMs?: number;
  /** The names of the counters that are open: those of the configuration, or fewer. */
  readonly counters: readonly string[];
  readonly listening: readonly { readonly counter: string; readonly at: string; readonly what: string }[];
  readonly certificateUntil: string;
}

export interface HealthPage {
  readonly at: Endpoint;
  close(): Promise<void>;
}

/** Serves the two pages. Throws OfficeError `health` for an address beyond loopback, or one that cannot be had. */
export async function openHealthPage(
  at: Endpoint,
  health: () => Promise<Health>,
  metrics: OfficeMetrics,
): Promise<HealthPage> {
  const where = formatEndpoint(at);
  if (!isLoopback(at.host)) {
    throw new OfficeError('health', `${where} can be reached from other machines`, {
      remedy: 'set [health] listen to a loopback address, such as 127.0.0.1:8190',
    });
  }
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT }, (request, response) => {
    void answer(request, response, health, metrics).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(cannotServe(where, cause)));
    server.listen({ host: at.host, port: at.port }, resolve);
  });
  return {
    at: { host: at.host, port: (server.address() as AddressInfo).port },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  health: () => Promise<Health>,
  metrics: OfficeMetrics,
): Promise<void> {
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  };
  const text = (status: number, body: string) => send(status, 'text/plain; charset=utf-8', `${body}\n`);
  // A web page elsewhere can point a name of its own at 127.0.0.1 and have a browser ask us under it.
  const host = parseEndpoint(request.headers.host ?? '', 80)?.host;
  if (host === undefined || !isLoopback(host)) return text(403, 'ask for this page by a loopback address');
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD');
  switch (request.url) {
    case '/health': {
      const state = await health();
      return send(state.ok ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`);
    }
    case '/metrics':
      return send(200, metrics.contentType, await metrics.text());
    default:
      return text(404, 'there are /health and /metrics');
  }
}

/** How long the store takes to keep something durably and give it back; throws when it cannot, or not in time. */
export function storeProbe(store: Store, clock: Clock): () => Promise<number> {
  let last: { at: number; took: Promise<number> } | undefined;
  return () => {
    const now = clock.now();
    if (last === undefined || now - last.at > GOOD_FOR || now < last.at) last = { at: now, took: probe(store, clock) };
    return last.took;
  };
}

async function probe(store: Store, clock: Clock): Promise<number> {
  const began = clock.now();
  const patience = new AbortController();
  const roundTrip = async () => {
    const version = await store.documents.put('office', 'health', Buffer.from(String(began)));
    const back = await store.documents.get('office', 'health');
    if (version === undefined || back === undefined) throw new Error('the store does not give back what it took');
  };
  const tooLate = sleep(clock, STORE_PATIENCE, patience.signal).then(() => {
    if (!patience.signal.aborted) throw new Error('the store does not answer');
  });
  try {
    await Promise.race([roundTrip(), tooLate]);
    return clock.now() - began;
  } finally {
    patience.abort();
  }
}

function cannotServe(where: string, cause: Error): OfficeError {
  const taken = codeOf(cause) === 'EADDRINUSE';
  return new OfficeError(
    'health',
    taken ? `${where} is in use by another program` : `cannot serve the health page on ${where}: ${messageOf(cause)}`,
    { cause, remedy: 'choose another port in [health] listen, or [] for no health page' },
  );
}
