/**
 * The name most like a misspelt one, or undefined when none is close: at most a third of its letters differ
 * (Damerau-Levenshtein distance, where swapping two neighbours is one edit; case ignored).
 */
export function nearestName(misspelt: string, names: readonly string[]): string | undefined {
  let nearest: string | undefined
  let least = Math.max(1, Math.floor(misspelt.length / 3)) + 1
  for (const name of names) {
    if (Math.abs(name.length - misspelt.length) >= least) continue
    const distance = editDistance(misspelt.toLowerCase(), name.toLowerCase())
    if (distance < least) [nearest, least] = [name, distance]
  }
  return nearest
}

/** Fewest insertions, deletions, replacements and swaps of neighbours (each place edited once) between two texts. */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  const at = (i: number, j: number): number => table[i * width + j] as number
  for (let i = 0; i <= a.length; i++) {
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        table[i * width + j] = i + j
        continue
      }
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swaps = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = swaps ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY
      table[i * width + j] = Math.min(replaced, at(i - 1, j) + 1, at(i, j - 1) + 1, swapped)
    }
  }
  return at(a.length, b.length)
}
