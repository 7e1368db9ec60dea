import { join } from 'node:path'
import type { ValidityCard } from '../../artefact/validity-card.ts'
import type { MetricInput } from '../../config/metric.ts'
import { atomicWrite } from '../../util/atomic-write.ts'
import { renderCards, validateMetrics } from '../../validation/index.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { loadStudy } from '../load-study.ts'
import { optionNumber, optionText } from '../option-values.ts'

/** What comes with the package. */
const ownMetrics: readonly MetricInput[] = [
  { type: 'defect-probability' },
  { type: 'defect-rate' },
  { type: 'finger-count', expected: {} },
  { type: 'kernel-distance', against: 'sound renders' },
  { type: 'frechet-distance', against: 'sound renders' },
  { type: 'sharpness' },
]

/** `phalanx validate`: tests metrics before they judge. */
export const validate: Command = {
  name: 'validate',
  summary: 'test metrics on sound and damaged images, and keep a card of each in the lab',
  positionals: [],
  options: {
    study: { value: '<file>', text: 'test the metrics of a study instead of those that come with the package' },
    renders: { value: '<number>', text: 'scenes that are drawn, each sound and damaged in twelve ways (120)' },
    seed: { value: '<number>', text: 'of the scenes (0)' },
    photographs: { value: '<folder>', text: 'sound photographs, which are blurred, cropped and compressed' },
    labelled: { value: '<folder>', text: 'images whose metadata says which have a `defect`' },
    page: { value: '<file>', text: 'the page of the cards (validity.html in the lab)' },
    ...labOptions,
  },
  example: 'phalanx validate --study study.ts --photographs ./hands',
  run: async (given, context) => {
    const { options } = given
    const { terminal, signal } = context
    const file = optionText(options, 'study')
    const study = file === undefined ? null : await loadStudy(file)
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const open = async (folder: string | undefined) => (folder === undefined ? null : await lab.dataset(folder))
    const cards = await validateMetrics(
      lab,
      {
        metrics: study?.metrics ?? ownMetrics,
        classifier: study?.classifier ?? null,
        renders: optionNumber(options, 'renders'),
        seed: optionNumber(options, 'seed'),
        photographs: await open(optionText(options, 'photographs')),
        labelled: await open(optionText(options, 'labelled')),
      },
      { signal, onProgress: (text) => terminal.status(text) },
    )
    const page = optionText(options, 'page') ?? join(lab.folder, 'validity.html')
    await atomicWrite(page, renderCards(cards))
    terminal.result({ cards, page }, () => [...cards.flatMap(describeCard), page].join('\n'))
    return exitCodes.success
  },
}

function describeCard({ metric, findings, power }: ValidityCard): string[] {
  const seen = new Map(power.map((one) => [`${one.source} ${one.kind}`, one]))
  return [
    metric,
    ...findings.map(({ source, kind, auc, low, high, atChance, spearman }) => {
      const sets = seen.get(`${source} ${kind}`)
      const share = sets && (sets.smallest === null ? ', no share seen' : `, ${100 * sets.smallest} % seen`)
      const severity = spearman === null ? '' : `, ρ ${spearman.correlation.toFixed(2)}`
      return `  ${kind} on ${source}: AUC ${auc.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]${atChance ? ' at chance' : ''}${severity}${sets === undefined ? '' : `${share} at n ${sets.images}`}`
    }),
    '',
  ]
}
