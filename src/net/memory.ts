// Two ends of a conversation in memory: a test talks to a server's `serve` as if over a socket, on a clock it turns by hand.

import { duplexPair } from 'node:stream';
import { Connection, type ConnectionOptions } from './connection.ts';

export function connectionPair(options: ConnectionOptions = {}): [Connection, Connection] {
  const [a, b] = duplexPair();
  // As over TCP, an end that is destroyed is an end to the other.
  a.once('close', () => b.push(null));
  b.once('close', () => a.push(null));
  return [new Connection(a, options), new Connection(b, options)];
}
