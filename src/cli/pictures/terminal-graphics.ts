import supportsTerminalGraphics from 'supports-terminal-graphics'

/**
 * How a terminal is given pictures: the protocols of kitty and iTerm2, DEC's sixels, or two pixels in every character
 * by colour (`blocks`), which all terminals of today show.
 */
export const graphics = ['kitty', 'iterm2', 'sixel', 'blocks'] as const
export type Graphics = (typeof graphics)[number]

/** The best that the terminal of standard output says it understands. */
export function terminalGraphics(): Graphics {
  const { stdout } = supportsTerminalGraphics
  return graphics.find((name) => name !== 'blocks' && stdout[name]) ?? 'blocks'
}
