/**
 * Breaks lines between words so that none is longer than `width`; a word that is longer stays whole. A width of 0, as of
 * a terminal that has no size yet, breaks nothing.
 */
export function wrapWords(text: string, width: number): string {
  if (width < 1) return text
  const breaking = new RegExp(`(?=.{${width + 1}})(.{1,${width}}) +`, 'g')
  return text.replaceAll(breaking, '$1\n')
}
