import { checkDreamBooth, dreamBoothSettings, refuseIdleDreamBooth, splitDreamBooth } from '../config/dream-booth.ts'
import { resolve } from '../config/resolve.ts'
import { subsetsOf } from '../config/subset.ts'
import { ConfigError } from '../errors/index.ts'
import { checkBest } from '../lab/index.ts'
import { baselineOf } from './baseline.ts'
import { type StudyDefinition, type StudyInput, studyDefinition } from './definition.ts'
import { type Arm, expandArms } from './expand-arms.ts'
import { checkHalving } from './halving.ts'
import { requireName } from './require-name.ts'

/**
 * States what a study compares: arms on bases, with the same prompts and seeds for all. Nothing runs. The result has
 * every default in place and is frozen.
 *
 * Throws ConfigError for an unknown key (naming the nearest), a value out of range, a name that refers to nothing, an
 * axis that is no setting, or a learned word that no prompt uses.
 */
export function defineStudy(input: StudyInput): StudyDefinition {
  const study = resolve(studyDefinition, input, 'study')
  refuseRepeats('prompts', study.prompts)
  refuseRepeats('seeds', study.seeds)
  requireName('baseline', study.baseline, Object.keys(study.arms), 'arm')
  for (const [i, metric] of study.metrics.entries()) {
    const where = `metrics[${i}]`
    const prompts = metric.type === 'finger-count' ? Object.keys(metric.expected) : (metric.prompts ?? [])
    for (const prompt of prompts) requireName(where, prompt, study.prompts, 'prompt')
    if ('against' in metric) requireName(where, metric.against, Object.keys(study.datasets), 'dataset')
  }
  const arms = expandArms(study)
  for (const arm of arms) {
    const { train, prompts, seeds } = arm.settings
    const where = `arms.${arm.family}`
    if (train !== null) refuseDreamBooth(train)
    for (const { dataset } of train === null ? [] : studySubsets(train, study)) {
      requireName(`${where}.train`, dataset, Object.keys(study.datasets), 'dataset')
    }
    if (train !== null && train.best !== null) {
      const { metric } = train.best
      checkBest(train.best, train, null)
      if (metric.type === 'kernel-distance')
        requireName(`${where}.train.best`, metric.against, Object.keys(study.datasets), 'dataset')
    }
    for (const prompt of prompts ?? []) requireName(where, prompt, study.prompts, 'prompt')
    for (const seed of seeds ?? []) requireName(where, String(seed), study.seeds.map(String), 'seed')
    refuseControlNet(arm)
    requireLearnedWord(arm)
  }
  for (const arm of arms) baselineOf(arm, arms)
  checkHalving(study, arms)
  return study
}

type ArmTraining = NonNullable<StudyDefinition['arms'][string]['train']>

/** What a training of an arm sees: its own dataset or subsets, or the study's only dataset. Throws ConfigError. */
export function studySubsets(train: ArmTraining, study: StudyDefinition) {
  if (train.dataset !== null || train.subsets !== null) return subsetsOf<string>(train)
  const names = Object.keys(study.datasets)
  if (names.length === 1) return subsetsOf<string>({ ...train, dataset: names[0] })
  throw new ConfigError({
    code: 'dataset-not-named',
    message: `The study has ${names.length} datasets, so each training must say which it uses: train: { dataset: '…' }.`,
    facts: { datasets: names },
  })
}

/** How a training of an arm does DreamBooth, null when it does not, and the training without it. */
export function armDreamBooth(train: ArmTraining) {
  const { dreamBooth, training } = splitDreamBooth(train)
  return { dreamBooth: dreamBooth === null ? null : dreamBoothSettings.parse(dreamBooth), training }
}

function refuseDreamBooth(train: ArmTraining): void {
  const { dreamBooth } = armDreamBooth(train)
  if (dreamBooth === null) return
  checkDreamBooth(train)
  refuseIdleDreamBooth(dreamBooth)
}

/** An arm has no pictures that a ControlNet could read. */
function refuseControlNet({ name: arm, settings: { train } }: Arm): void {
  if (train?.technique.type !== 'control-net') return
  throw new ConfigError({
    code: 'technique-not-drawn',
    message: `Arm "${arm}" trains a ControlNet, and the arms of a study name no pictures for it to read. Train it with lab.train and draw with lab.sample({ controls }).`,
    facts: { arm },
  })
}

function requireLearnedWord({ name: arm, settings: { train, negativePrompt }, prompts, notApplicable }: Arm): void {
  if (train?.technique.type === 'negative-embedding') requireLearnedNegative(arm, train.technique, negativePrompt)
  if (train?.technique.type !== 'textual-inversion') return
  for (const { placeholder, initialWord } of train.technique.tokens) {
    const drawn = prompts.filter((_, i) => notApplicable[i] === null)
    if (drawn.length === 0 || drawn.some((prompt) => prompt.includes(placeholder))) continue
    throw new ConfigError({
      code: 'learned-word-unused',
      message: `Arm "${arm}" learns ${placeholder}, but none of its prompts contains it, so it would draw what the base draws. Add replace: { ${JSON.stringify(initialWord ?? 'hand')}: ${JSON.stringify(placeholder)} } to the arm.`,
      facts: { arm, placeholder, prompts },
    })
  }
}

function requireLearnedNegative(arm: string, { placeholder }: { placeholder: string }, negativePrompt: string): void {
  if (negativePrompt.includes(placeholder)) return
  throw new ConfigError({
    code: 'learned-word-unused',
    message: `Arm "${arm}" learns ${placeholder} to lead away from, but its negative prompt does not contain it, so it would draw what the base draws. Add negativePrompt: ${JSON.stringify(placeholder)} to the arm.`,
    facts: { arm, placeholder, negativePrompt },
  })
}

function refuseRepeats(where: string, values: readonly (string | number)[]): void {
  const repeated = values.find((value, i) => values.indexOf(value) !== i)
  if (repeated === undefined) return
  throw new ConfigError({
    code: 'repeated-value',
    message: `${where} holds ${JSON.stringify(repeated)} twice. Every image of a study must differ; remove one.`,
    facts: { where, repeated },
  })
}
