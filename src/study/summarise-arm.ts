import type { DreamBoothSettings } from '../config/dream-booth.ts'
import type { LearnedToken } from '../config/textual-inversion.ts'
import { armDreamBooth, studySubsets } from './define-study.ts'
import type { StudyDefinition } from './definition.ts'
import type { Arm } from './expand-arms.ts'

/** What an arm does, in a line: "LoRA of rank 8, alpha 4 on palms, 400 steps of 4 images at 5e-4". */
export function summariseArm(arm: Arm, study: StudyDefinition): string {
  const { train, adapters, negativePrompt } = arm.settings
  const parts: string[] = []
  if (train !== null) {
    const names = studySubsets(train, study).map(({ dataset }) => dataset)
    const { dreamBooth } = armDreamBooth(train)
    const size = train.batchSize * train.accumulation
    parts.push(
      `${describeTechnique(train.technique)} on ${names.join(' and ')}${dreamBooth === null ? '' : describeDreamBooth(dreamBooth)}, ${train.steps} steps of ${size} ${
        size === 1 ? 'image' : 'images'
      } ${describePace(train.optimizer)}`,
    )
  }
  for (const adapter of adapters) parts.push(`${adapter.file.split(/[\\/]/).at(-1)} at strength ${adapter.strength}`)
  if (negativePrompt !== '') parts.push(`told to avoid “${negativePrompt}”`)
  const sampling = Object.entries(arm.settings.sampling).filter(([name, value]) => {
    const usual = study.sampling[name as keyof typeof study.sampling]
    return JSON.stringify(value) !== JSON.stringify(usual)
  })
  const drawn = sampling.map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
  if (drawn.length > 0) parts.push(`drawn with ${drawn.join(', ')}`)
  return parts.length === 0 ? 'the base alone' : parts.join('; ')
}

function describeDreamBooth({ instancePrompt, classPrompt }: DreamBoothSettings): string {
  const caption = instancePrompt === null ? '' : ` as “${instancePrompt}”`
  return classPrompt === null ? caption : `${caption} beside class images “${classPrompt}”`
}

function describePace({ type, learningRate: rate }: NonNullable<Arm['settings']['train']>['optimizer']): string {
  const pace = rate === null ? 'at its own rate' : `at ${rate < 0.01 ? rate.toExponential() : rate}`
  return type === 'adamw' ? pace : `${pace} with ${type}`
}

function describeTechnique(technique: NonNullable<Arm['settings']['train']>['technique']): string {
  switch (technique.type) {
    case 'lora':
      return `LoRA of rank ${technique.rank}, alpha ${technique.alpha}`
    case 'loha':
      return `LoHa of rank ${technique.rank}, alpha ${technique.alpha}`
    case 'lokr':
      return technique.rank === null
        ? 'LoKr of whole factors'
        : `LoKr of rank ${technique.rank}, alpha ${technique.alpha}`
    case 'textual-inversion':
      return `textual inversion of ${technique.tokens.map(describeToken).join(' and ')}`
    case 'negative-embedding':
      return `negative embedding ${describeToken(technique)} at guidance ${technique.guidance}`
    case 'control-net':
      return 'training of a ControlNet'
    case 'full':
      return `full training of ${technique.parts.join(' and ')}`
    case 'autoencoder':
      return 'training of the autoencoder'
  }
}

function describeToken({ placeholder, initialWord, vectors }: LearnedToken): string {
  const start = initialWord === null ? 'random vectors' : initialWord === '' ? 'empty text' : `“${initialWord}”`
  return `${placeholder} from ${start}${vectors === 1 ? '' : ` in ${vectors} vectors`}`
}
