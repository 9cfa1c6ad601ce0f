// Words for people: long texts made short enough to be read, and numbers of things.

/** The longest message; sentences of our own have a third of it. */
const mostCharacters = 500;

/**
 * The text itself, or its beginning and end where it is longer than anybody would read: names and types in a message are as long as
 * the author of the file likes. At most 500 characters.
 */
export function shortened(text: string): string {
  if (text.length <= mostCharacters) return text;
  const half = (mostCharacters - ' … '.length) / 2;
  return `${text.slice(0, Math.ceil(half))} … ${text.slice(-Math.floor(half))}`;
}

/** `1 layer`, `2 layers`. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${String(count)} ${count === 1 ? singular : plural}`;
}
