// The root of every error that Postern throws on purpose. `code` is for programs, `message` for the person who reads it.

export class PosternError<Code extends string = string> extends Error {
  readonly code: Code;
  /** What the reader can do about it, when there is something. */
  readonly remedy: string | undefined;

  constructor(code: Code, message: string, options: { remedy?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.remedy = options.remedy;
  }
}

/** The message of anything thrown, for a line shown to a person. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of anything thrown: ours, Node's (`ECONNREFUSED`), or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
