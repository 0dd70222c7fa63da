// Nodes and other sources of pushes, by the names under which people list them.   spec: immp 2.10, 2.11

import { accountName, canonicalNode, type NodeName, node as nodeKind } from '../wire/imid.ts';

/** The one name of a node, in whichever spelling it came: `newsletter/updates@website.com`. */
export function nodeName(node: NodeName): string {
  return accountName(canonicalNode(node));
}

/** The account that a node belongs to: all but the last element of its name. Undefined for what is no node. */
export function ownerOf(name: string): string | undefined {
  const [, owner, domain] = /^(.+)\/[^/]+(@.+)$/.exec(name) ?? [];
  return owner === undefined ? undefined : owner + domain;
}

/** `newsletter/updates`, as SUBSCRIBE LIST shows it. */
export function withoutDomain(name: string): string {
  return name.slice(0, name.lastIndexOf('@'));
}

export function domainOfName(name: string): string {
  return name.slice(name.lastIndexOf('@') + 1);
}

/** Whether a list of IMIDs, nodes and @domains has this source in it: itself, the account it belongs to, or its domain. */
export function isListed(list: readonly string[], source: string): boolean {
  const owner = ownerOf(source);
  const names = new Set([source, `@${domainOfName(source)}`, ...(owner === undefined ? [] : [owner])]);
  return list.some((entry) => names.has(normal(entry)));
}

/** The one spelling of an entry. */
function normal(entry: string): string {
  if (entry.startsWith('@') || entry.length > 512) return entry.toLowerCase();
  const read = nodeKind.read(entry);
  return read === undefined ? entry.toLowerCase() : nodeName(read);
}
