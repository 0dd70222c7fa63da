// Recipients, path specifiers and paths as the API names them.   spec: mixminion-client-api 2, 5

import * as addresses from '../directory/address.ts';
import * as choice from '../directory/path-choice.ts';
import { type PathKind, PathSpec as Spec } from '../directory/path-spec.ts';
import { apiClass, apiFunction } from './translate.ts';

/** Which servers a packet is to pass: `PathSpec.parse('Amber,*2:?,Birch')`. */
export const PathSpec = apiClass(Spec);
export type PathSpec = Spec;

/** A recipient from what a user writes: `user@host`, `mbox:NAME@SERVER`, `drop`, `0xHHHH:DATA`.   spec: mixminion-directory 10 */
export const parseAddress = apiFunction(addresses.parseAddress);

export interface PathOptions extends Omit<choice.PathRequest, 'spec'> {
  /** A specifier, or its text. */
  readonly spec: PathSpec | string;
  /** One leg instead of two, as a reply block has it. */
  readonly singleLeg?: boolean;
}

/**
 * The servers of one path, from a directory or a `DirectoryStore`. An address of type `reply` gives `path1` alone, for
 * the leg in front of a reply block; so does `singleLeg`, for a reply block of one's own. Throws Mix3NoPathError,
 * Mix3NotFoundError, Mix3PathTooLongError.   spec: mixminion-client-api 5
 */
export const generatePath = apiFunction((options: PathOptions): choice.Path => choice.generatePath(requestOf(options)));

/**
 * `count` paths; all with one last hop when `sameExit` is set or `packets`, those that the exit puts together, are more
 * than one. Errors as `generatePath`.   spec: mixminion-client-api 5
 */
export const generatePaths = apiFunction((count: number, options: PathOptions): choice.Path[] =>
  choice.generatePaths(count, requestOf(options)),
);

function requestOf({ spec, singleLeg = false, ...rest }: PathOptions): choice.PathRequest {
  const kind: PathKind | undefined = rest.address?.type === 'reply' ? 'reply' : singleLeg ? 'surb' : undefined;
  if (typeof spec === 'string') return { ...rest, spec: Spec.parse(spec, { kind: kind ?? 'forward' }) };
  return { ...rest, spec: kind === undefined || kind === spec.kind ? spec : new Spec(spec.components, kind) };
}
