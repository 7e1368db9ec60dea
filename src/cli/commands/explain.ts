import { publishedNames } from '../../config/published.ts'
import type { ExplainRequest, Explanation } from '../../lab/index.ts'
import { formatBytes, formatCount, formatSeconds } from '../../report/format.ts'
import { heldOutOption, noDerivativesOption, readChosen } from '../chosen.ts'
import type { Command } from '../command.ts'
import { exitCodes } from '../exit-codes.ts'
import { labOptions, labPlaceOf, openLabInTerminal } from '../lab-options.ts'
import { optionText } from '../option-values.ts'
import { readSettings, settingOptions } from '../settings.ts'

/** `phalanx explain`: says what a training would be. */
export const explain: Command = {
  name: 'explain',
  summary: 'say what a training would change, cost and write, without training',
  positionals: [],
  options: {
    ...settingOptions,
    base: { value: '<name>', text: `as for train; nothing is fetched for ${publishedNames.join(', ')} (tiny-hands)` },
    dataset: { value: '<folder>', text: 'images, to say how often each is seen, and to measure steps on' },
    'held-out': heldOutOption,
    'keep-no-derivatives': noDerivativesOption,
    'no-measure': { text: 'take no steps to see what they cost' },
    ...labOptions,
  },
  example: 'phalanx explain --base sd-1.5 --set technique.rank=32 --set technique.alpha=1 --set steps=5000',
  run: async (given, context) => {
    const { options } = given
    const { terminal, signal } = context
    // Names and ranges are checked by the lab, which knows them.
    const settings = (await readSettings(given)) as Record<string, unknown> & Pick<ExplainRequest, 'technique'>
    const name = optionText(options, 'base') ?? 'tiny-hands'
    const folder = optionText(options, 'dataset')
    const keepNoDerivatives = options['keep-no-derivatives'] === true
    await using lab = await openLabInTerminal(labPlaceOf(given), context)
    const explanation = await lab.explain(
      {
        ...settings,
        base: publishedNames.find((known) => known === name) ?? (await lab.base(name, { signal })),
        ...(folder !== undefined && { dataset: await lab.dataset(folder, { keepNoDerivatives }) }),
        ...(await readChosen(settings, given, (path) => lab.dataset(path))),
        ...(options['no-measure'] === true && { measure: false }),
      },
      { signal },
    )
    terminal.result(explanation, () => [...describe(explanation)].join('\n'))
    return exitCodes.success
  },
}

function* describe(explanation: Explanation): Generator<string> {
  const { base, family, inpainting, prediction, width, height, settings, idle, remarks } = explanation
  yield `${settings.technique.type} on ${base} (${family}${inpainting ? ', inpainting' : ''}, predicts ${predicted[prediction]}), ${width} x ${height} pixels`
  yield* describeLayers(explanation)
  const share = (100 * explanation.trainedParameters) / explanation.baseParameters
  yield `trains ${formatCount(explanation.trainedParameters)} parameters, ${share.toPrecision(2)} % of the base's number`
  for (const { learningRate, tensors, parameters } of explanation.groups) {
    yield `  ${formatCount(parameters)} in ${tensors} ${tensors === 1 ? 'tensor' : 'tensors'} at ${learningRate === null ? 'the rate that the optimizer makes' : `a rate of ${learningRate}`}`
  }
  yield `writes ${formatBytes(explanation.resultBytes)}`
  const { imagesPerStep, epochs } = explanation
  const seen = epochs === null ? '' : `, each image ${epochs < 10 ? epochs.toPrecision(2) : epochs.toFixed(0)} times`
  yield `takes ${formatCount(settings.steps)} steps of ${imagesPerStep} ${imagesPerStep === 1 ? 'image' : 'images'}${seen}`
  yield* describeBest(explanation)
  if (explanation.classImages !== null) yield describeClassImages(explanation.classImages)
  yield* describeCost(explanation)
  if (idle.length > 0) yield 'without effect:'
  for (const { setting, reason } of idle) yield `  ${setting}: ${reason}`
  if (remarks.length > 0) yield 'note:'
  for (const remark of remarks) yield `  ${remark}`
}

function* describeBest({ best }: Explanation): Generator<string> {
  if (best === null) return
  const { metric, better, steps, pictures, patience } = best
  const drawn = pictures === 0 ? '' : ` of ${formatCount(pictures)} ${pictures === 1 ? 'picture' : 'pictures'}`
  const ends = patience === null ? '' : `; ends after ${formatCount(patience)} without a better one`
  yield `keeps the weights with the ${better === 'higher' ? 'highest' : 'lowest'} ${metric}${drawn}, measured ${formatCount(steps.length)} times, first after step ${formatCount(steps[0] ?? 0)}${ends}`
}

function describeClassImages({ images, missing }: NonNullable<Explanation['classImages']>): string {
  const drawn = missing === 0 ? 'all there' : `${formatCount(missing)} of them to be drawn first`
  return `keeps the class with ${formatCount(images)} class ${images === 1 ? 'image' : 'images'}, ${drawn}`
}

const predicted = { epsilon: 'noise', v_prediction: 'velocity' } as const

function* describeLayers({ layers }: Explanation): Generator<string> {
  if (layers.length === 0) return
  yield 'adapts'
  for (const { part, kind, layers: count, ranks, alphas, parameters } of layers) {
    yield `  ${String(count).padStart(4)} ${part} ${kind} layers: rank ${ranks.join(', ')}, alpha ${alphas.join(', ')}, ${formatCount(parameters)} parameters`
  }
}

function* describeCost({ memory, stepCost, settings }: Explanation): Generator<string> {
  const { weights, gradients, optimizer, average } = memory
  const parts = Object.entries({ weights, gradients, optimizer, average }).filter(([, bytes]) => bytes > 0)
  const total = parts.reduce((sum, [, bytes]) => sum + bytes, 0)
  yield `keeps ${formatBytes(total)} in memory beside what a step computes: ${parts.map(([name, bytes]) => `${name} ${formatBytes(bytes)}`).join(', ')}`
  if (stepCost === null) return
  yield `takes ${formatSeconds(stepCost.seconds)} a step, measured: ${formatSeconds(stepCost.seconds * settings.steps)} in all; largest memory so far ${formatBytes(stepCost.peakMemory)}`
}
