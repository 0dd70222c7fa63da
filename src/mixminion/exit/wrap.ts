// Text broken into lines of words.

/**
 * Lines of at most `width` characters, the blanks and `indent` of all but the first line included; a word that is longer
 * has a line of its own. Whatever white space the text has counts as one blank. Empty for a text without words.
 */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((found) => found !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `${indent}${word}`);
  }
  return lines;
}
