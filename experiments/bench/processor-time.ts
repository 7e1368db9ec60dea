import { readFileSync } from 'node:fs'

/** A clock tick of Linux's accounting is a hundredth of a second wherever Node runs. */
const ticksPerSecond = 100

/** Processor seconds of this process and of its children that have ended (proc(5), fields 14 to 17). */
export function processorSeconds(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  // The name, in brackets, may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond
}
