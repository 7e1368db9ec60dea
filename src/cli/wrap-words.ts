/** Breaks lines between words so that none is longer than `width`; a word that is longer stays whole. */
export function wrapWords(text: string, width: number): string {
  const breaking = new RegExp(`(?=.{${width + 1}})(.{1,${width}}) +`, 'g')
  return text.replaceAll(breaking, '$1\n')
}
