// JSON in the one form that everybody writes alike, so that it can be signed (RFC 8785).   spec: immp 2.8

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Members in the order of their UTF-16 units, no spaces; numbers and texts as ECMAScript writes them. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(',')}}`;
}
