import { formatBytes, formatCount } from '../../report/format.ts'
import { collectGarbage, type Garbage } from '../../study/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions } from '../lab-options.ts'
import { optionText } from '../option-values.ts'

/** `phalanx gc`: removes cells that no study refers to; says which they are unless told to remove them. */
export const gc: Command = {
  name: 'gc',
  summary: 'list the cells of a lab that no study refers to, and remove them with --delete',
  positionals: [],
  options: {
    lab: labOptions.lab as NonNullable<(typeof labOptions)[string]>,
    delete: { text: 'remove them; without it nothing is touched' },
  },
  example: 'phalanx gc --lab ./phalanx-lab --delete',
  run: async ({ options }, { terminal }) => {
    const folder = optionText(options, 'lab') ?? 'phalanx-lab'
    const garbage = await collectGarbage(folder, { remove: options.delete === true })
    terminal.result(garbage, () => describe(garbage))
    return exitCodes.success
  },
}

function describe({ cells, bytes, removed }: Garbage): string {
  if (cells.length === 0) return 'Every cell is referred to by a study.'
  const lines = cells.map(
    ({ key, finished, bytes: size }) => `  ${key}  ${formatBytes(size)}${finished ? '' : ', unfinished'}`,
  )
  const total = `${formatCount(cells.length)} ${cells.length === 1 ? 'cell' : 'cells'} of ${formatBytes(bytes)}`
  return [
    ...lines,
    removed ? `Removed ${total}.` : `${total} that no study refers to. Nothing was removed; --delete removes them.`,
  ].join('\n')
}
