/** Says that the end of a prompt had no effect. */
export function describeUnread(tokens: number): string {
  return `${tokens} tokens of the prompt lie beyond what the text encoder reads and had no effect`
}

/** Says that captions were learned without their ends. */
export function describeUnreadCaptions(captions: number): string {
  return `${captions} ${captions === 1 ? 'caption is' : 'captions are'} longer than the text encoder reads; the end was not learned`
}
