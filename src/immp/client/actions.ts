// A notification with something to click on: shown, never followed by a program.   spec: immp 2.10

import * as z from 'zod';

export const ACTION_TYPE = 'application/vnd.immp.action+json';

const shape = z.object({
  text: z.string(),
  actions: z.array(z.object({ label: z.string(), url: z.url({ protocol: /^https$/ }) })).default([]),
});

export type Actions = z.infer<typeof shape>;

/** Undefined when the text is no such notification. */
export function readActions(text: string): Actions | undefined {
  try {
    return shape.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The same from a watched event, which may have no actions. */
export function actionsOf(event: object): Actions | undefined {
  const read = shape.safeParse(event);
  return read.success ? read.data : undefined;
}

/** As a person reads it. */
export function actionsInWords({ text, actions }: Actions): string {
  return [text, ...actions.map(({ label, url }) => `${label}: ${url}`)].join('\n');
}
