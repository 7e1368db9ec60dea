import type { TrainingSettings } from './training.ts'

/** A setting that was given and changes nothing, and why. */
export interface IdleSetting {
  /** Its path, as `technique.convolutionRank`. */
  readonly setting: string
  readonly reason: string
}

/** What a training adapts, as far as it decides which settings act. */
export interface AdaptedSummary {
  /** How many of the layers are convolutions of more than one pixel. */
  readonly wideConvolutions: number
}

interface Rule {
  readonly settings: readonly string[]
  readonly reason: string
  readonly idle: (settings: TrainingSettings, adapted: AdaptedSummary) => boolean
}

const rules: readonly Rule[] = [
  {
    settings: ['technique.convolutionRank', 'technique.convolutionAlpha'],
    reason: 'no convolution of more than one pixel is adapted; add the target convolution or a pattern',
    idle: (_, { wideConvolutions }) => wideConvolutions === 0,
  },
  {
    settings: ['technique.unetLearningRate'],
    reason: 'the UNet is no part that is trained',
    idle: ({ technique }) => 'parts' in technique && !technique.parts.includes('unet'),
  },
  {
    settings: ['technique.textEncoderLearningRate'],
    reason: 'the text encoder is no part that is trained',
    idle: ({ technique }) => 'parts' in technique && !technique.parts.includes('text-encoder'),
  },
  {
    settings: ['technique.alpha', 'technique.convolutionAlpha'],
    reason: 'whole factors of a LoKr are taken as they are',
    idle: ({ technique }) =>
      technique.type === 'lokr' &&
      technique.rank === null &&
      technique.convolutionRank === null &&
      technique.patterns.every(({ rank }) => rank === null),
  },
  {
    settings: ['optimizer.learningRate'],
    reason: 'every part that is trained has a rate of its own',
    idle: ({ technique }) =>
      'unetLearningRate' in technique &&
      technique.parts.every((part) => technique[part === 'unet' ? 'unetLearningRate' : 'textEncoderLearningRate']),
  },
  {
    settings: ['objective', 'captionDropout', 'text'],
    reason: 'an autoencoder is trained on images alone and denoises nothing',
    idle: ({ technique }) => technique.type === 'autoencoder',
  },
  {
    settings: ['objective.noise.randomOffset'],
    reason: 'objective.noise.offset is 0',
    idle: ({ objective }) => objective.noise.offset === 0,
  },
  {
    settings: ['checkpointEvery'],
    reason: 'there are fewer steps; the last one gets a checkpoint anyway',
    idle: ({ checkpointEvery, steps }) => checkpointEvery > steps,
  },
  {
    settings: ['preview.every'],
    reason: 'there are fewer steps; the last one gets its previews anyway',
    idle: ({ preview, steps }) => preview !== null && preview.every > steps,
  },
  {
    settings: ['preview.control'],
    reason: 'only the training of a ControlNet draws with a picture',
    idle: ({ preview, technique }) => preview !== null && technique.type !== 'control-net',
  },
  {
    settings: ['preview.negativePrompt', 'preview.sampling.guidanceRescale'],
    reason: 'preview.sampling.guidance is 1, which is none',
    idle: ({ preview }) => preview?.sampling.guidance === 1,
  },
]

/**
 * The settings that were written and do not change what a training does. What could never mean anything is refused
 * when settings are resolved; these are about settings beside one another, and about what a base has.
 *
 * @param given what the user wrote, before defaults
 */
export function idleSettings(given: unknown, settings: TrainingSettings, adapted: AdaptedSummary): IdleSetting[] {
  return rules
    .filter(({ idle }) => idle(settings, adapted))
    .flatMap(({ settings: paths, reason }) =>
      paths.filter((path) => isGiven(given, path.split('.'))).map((setting) => ({ setting, reason })),
    )
}

function isGiven(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return value !== undefined
  return typeof value === 'object' && value !== null && key in value
    ? isGiven((value as Record<string, unknown>)[key], rest)
    : false
}
