// Citations of the specifications in comments: `// spec: smallmail 2.6, 2.8` and the like, from text to values.

export interface Citation {
  readonly spec: string;
  /** Undefined when the comment names a specification and no section of it. */
  readonly section: string | undefined;
}

/** All citations in a file's comments. `specs`: the names that are known. */
export function citationsIn(text: string, specs: ReadonlySet<string>): Citation[] {
  return text.split('\n').flatMap((line) => {
    const cited = /(?:\/\/|^\s*\/?\*).*?\bspec: (.*)$/.exec(line)?.[1];
    return cited === undefined ? [] : parse(cited, specs);
  });
}

/** A list that begins `NAME SECTION`; further items may leave the name out. It ends where the prose goes on. */
function parse(text: string, specs: ReadonlySet<string>): Citation[] {
  const [whole, name = '', first] = /^([a-z][a-z0-9-]*)(?: (\d+(?:\.\d+)*))?/.exec(text) ?? [''];
  if (first === undefined) return specs.has(name) ? [{ spec: name, section: undefined }] : [];
  const citations: Citation[] = [{ spec: name, section: first }];
  let spec = name;
  let rest = text.slice(whole.length);
  for (;;) {
    const [item, nextSpec = spec, section] = /^(?:[,;]| and) (?:([a-z][a-z0-9-]*) )?(\d+(?:\.\d+)*)/.exec(rest) ?? [''];
    if (section === undefined || !specs.has(nextSpec)) return citations;
    spec = nextSpec;
    citations.push({ spec, section });
    rest = rest.slice(item.length);
  }
}
