/** Words of captions, for a text encoder that is trained with them. */

/** The most frequent words and marks, at most `size`, in an order that depends on the captions alone. */
export function vocabularyOf(captions: Iterable<string>, size: number): string[] {
  const counts = new Map<string, number>();
  for (const caption of captions) for (const word of wordsOf(caption)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, size)
    .map(([word]) => word);
}

/** Runs without spaces and punctuation, in lower case; what is no word alone after that is left out. */
const wordsOf = (caption: string): string[] =>
  (
    caption
      .normalize("NFKC")
      .toLowerCase()
      .match(/[^\s\p{P}]+/gu) ?? []
  ).filter((word) => !/\p{Lu}/u.test(word) && word === word.normalize("NFKC").toLowerCase());
