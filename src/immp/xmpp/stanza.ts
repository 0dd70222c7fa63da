// What is said on an XMPP stream: elements, as they are read and as they are written.

export interface Element {
  /** Without a prefix. */
  readonly name: string;
  /** Its namespace, whatever prefix stands for it. */
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly Element[];
  /** Of this element alone, all of it together. */
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": 'apos' };

/** An element as text. Attributes that are undefined are left out; `inner` is XML. */
export function element(name: string, attributes: Readonly<Record<string, string | undefined>>, inner = ''): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}='${escaped(value ?? '')}'`);
  return `<${name}${written.join('')}${inner === '' ? '/>' : `>${inner}</${name}>`}`;
}

export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (letter) => `&${ENTITIES[letter]};`);
}
