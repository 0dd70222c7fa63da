// Sends a descriptor to a directory server, as old remailers do: a form with one field, and an answer of two lines.
// spec: mixminion-directory 6.2

import { DownloadError } from './errors.ts';
import { type HttpOptions, httpRequest, httpTarget } from './http-request.ts';

const MAX_ANSWER = 64 * 1024;
const MAX_MESSAGE = 200;

export interface PublishAnswer {
  /** Taken in, or waiting for the operator there. */
  readonly accepted: boolean;
  /** What the server says to it; a stranger's words. */
  readonly message: string;
}

/** Sends the text of one descriptor to one URL. Throws DownloadError, also when the answer is not of the known form. */
export async function publishDescriptor(url: string, text: string, options: HttpOptions = {}): Promise<PublishAnswer> {
  const form = new URLSearchParams({ desc: text }).toString();
  const { body } = await httpRequest(httpTarget(url), { ...options, maxBytes: MAX_ANSWER }, form);
  const [, status, message] = /^Status: ([01])[ \t\r]*\nMessage:[ \t]*([^\n]*)$/m.exec(body.toString('latin1')) ?? [];
  if (status === undefined || message === undefined)
    throw new DownloadError('download-failed', 'the answer of the directory server has no status');
  return { accepted: status === '1', message: message.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_MESSAGE) };
}
