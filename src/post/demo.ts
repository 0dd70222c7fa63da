// A demo is told in chapters, one for each counter. A chapter plays with an open office and says what happens, what goes over
// the wire, and what the server could see of it.

import type { Trace } from '../net/connection.ts';
import type { Endpoint } from '../net/endpoint.ts';
import type { Listening } from './counter.ts';
import type { Post } from './post.ts';

export interface Chapter {
  readonly title: string;
  /** Lines of its counter's table in the demo's configuration; `listen = ["127.0.0.1:0"]` when not given. */
  readonly settings?: string;
  /** It takes too long to be told among the others. */
  readonly onlyWhenNamed?: boolean;
  tell(stage: Stage): Promise<void>;
}

export interface Stage {
  readonly post: Post;
  /** Where the chapter's counter listens; port 0 when the chapter's settings keep it closed. */
  readonly at: Endpoint;
  /** All of the counter's ports, when it has several kinds. */
  readonly ports: readonly Listening[];
  /** What the counter's operator may ask. */
  ask(name: string, argument: unknown): Promise<unknown>;
  /** One step of the story. */
  say(text: string): void;
  /** Shows each line that goes over a connection, and octets by their number. */
  readonly wire: Trace;
  /** What the server could see: figures read from its store just now. */
  serverSees(facts: readonly (readonly [name: string, value: string])[]): void;
}
