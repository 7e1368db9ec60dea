import { type DatasetExportInput, datasetExport } from '../../config/export.ts'
import { exportDataset, openDataset } from '../../dataset/index.ts'
import { ConfigError } from '../../errors/index.ts'
import { inScratchFolder } from '../../util/scratch-folder.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { optionChoice, optionNumber, optionText } from '../option-values.ts'

const layouts = datasetExport.options.map(({ shape }) => shape.as.value)

/** `phalanx export`: a dataset in the layout of another tool. */
export const exportCommand: Command = {
  name: 'export',
  summary: 'write a dataset for sd-scripts, Hugging Face or WebDataset',
  positionals: ['<dataset>', '<folder>'],
  options: {
    as: { value: '<layout>', text: layouts.join(', ') },
    name: { value: '<name>', text: 'what follows the repeats in the folders of kohya, as in 10_images (images)' },
    'shard-bytes': { value: '<number>', text: 'largest tar file of webdataset (1073741824)' },
  },
  example: 'phalanx export ./hands/frozen/3f1a… ./for-kohya --as kohya --name palm',
  run: async ({ positionals, options }, { terminal, signal }) => {
    const [from, to] = positionals as [string, string]
    const as = optionChoice(options, 'as', layouts)
    if (as === undefined) throw missingLayout()
    const [name, shardBytes] = [optionText(options, 'name'), optionNumber(options, 'shard-bytes')]
    // What a layout has no use for is refused by its settings.
    const settings = { as, ...(name !== undefined && { name }), ...(shardBytes !== undefined && { shardBytes }) }
    await inScratchFolder(async (place) => {
      const dataset = await openDataset(from, { folder: place })
      const onProgress = (done: number, total: number) => terminal.status(`${done} of ${total} images`)
      const written = await exportDataset(dataset, to, settings as DatasetExportInput, { signal, onProgress })
      if (written.leftOut.length > 0)
        terminal.note(`The layout has no place for ${written.leftOut.join(' and ')}, which were left out.`)
      terminal.result(written, () => `${written.images} images\n${written.folder}`)
    })
    return exitCodes.success
  },
}

function missingLayout(): ConfigError {
  return new ConfigError({
    code: 'missing-layout',
    message: `Say --as ${layouts.slice(0, -1).join(', ')} or ${layouts.at(-1)}.`,
    facts: { layouts },
  })
}
