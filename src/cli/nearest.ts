/** What somebody probably meant: the candidate with the fewest typing errors, if there are few enough, or a longer one. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  return (
    fewestErrors(word, candidates) ?? candidates.find((candidate) => /\w{2}/.test(word) && candidate.startsWith(word))
  );
}

function fewestErrors(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(2, Math.ceil(word.length * 0.4));
  for (const candidate of candidates) {
    const errors = distance(word, candidate);
    if (errors < least) [best, least] = [candidate, errors];
  }
  return best;
}

/** Letters to insert, drop, replace or swap with a neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(changed, above[j]! + 1, row[j - 1]! + 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}
