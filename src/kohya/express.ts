import type { Objective } from '../config/objective.ts'
import type { Optimizer } from '../config/optimizer.ts'
import type { Schedule } from '../config/schedule.ts'
import type { CaptionSettings } from '../config/subset.ts'
import type { Technique } from '../config/technique.ts'
import type { TextSettings } from '../config/text.ts'
import type { TrainingSettings } from '../config/training.ts'
import { ConfigError } from '../errors/index.ts'
import type { JobOf, TrainingSubset } from '../protocol/jobs.ts'
import type { BaseDescription } from '../protocol/results.ts'
import { sayNetwork } from './network.ts'
import { sayOptimizer } from './optimizer.ts'
import { nothingIsLeft, Sentence } from './sentence.ts'

/** A training in the words of sd-scripts. */
export interface Expressed {
  /** Module and class of the checkout. */
  readonly script: string
  readonly trainer: string
  /** Options that depend on nothing but the settings. */
  readonly options: readonly string[]
  /** Options of each of the job's subsets; how often its images are repeated comes to them. */
  readonly subsets: readonly Readonly<Record<string, unknown>>[]
  /** Whether the checkout can go on from a checkpoint: it counts accumulated steps wrongly when it does. */
  readonly resumable: boolean
}

/** Parameters of the UNet of SD 1.5, whose layout is fixed in the checkout's code. */
const unetParameters = 859_520_964
/** Layers of the text encoder of SD 1.5. */
const textLayers = 12
const mixedPrecision = { float32: 'no', bfloat16: 'bf16', float16: 'fp16' } as const
/** Largest seed of numpy, which sd-scripts seeds too. */
const largestSeed = 2 ** 32 - 1

/**
 * The options with which sd-scripts does the same training.
 * Throws ConfigError (`engine-cannot-express`) that lists everything it has no option for.
 */
export function expressTraining(job: JobOf<'train'>, base: BaseDescription): Expressed {
  const said = new Sentence()
  if (job.heldOut !== null) said.refuse('heldOut', 'it measures no loss on a frozen set of held-out images')
  if (job.pauseAfter !== null) said.refuse('best', 'it does not pause to be measured')
  if (base.family !== 'sd-1' || base.prediction !== 'epsilon' || base.unetParameters !== unetParameters) {
    said.refuse('base', 'it builds the UNet of Stable Diffusion 1.5 itself, and this base has another one')
  }
  saySettings(said, job.settings)
  const subsets = job.subsets.map((subset, index) => saySubset(said, job.settings, subset, `subsets[${index}]`))
  // Latents are kept where every image has the same ones in all epochs.
  if (job.subsets.every(({ crop }) => crop === 'centre')) said.say('cache_latents')
  sayClassImages(said, job.subsets)
  if (said.refused.length > 0) {
    throw new ConfigError({
      code: 'engine-cannot-express',
      message: `The engine kohya cannot do this training:\n${said.refused.map((line) => `- ${line}`).join('\n')}\nChange these settings, or leave the engine out.`,
      facts: { refused: said.refused },
    })
  }
  return {
    script: 'train_network',
    trainer: 'NetworkTrainer',
    options: said.options,
    subsets,
    resumable: job.settings.accumulation === 1,
  }
}

function saySettings(said: Sentence, settings: TrainingSettings): void {
  const { technique, optimizer, schedule, objective, text, steps, accumulation, seed, precision, emaDecay, ...rest } =
    settings
  // Places and previews are put into files; the rest is said by the caller.
  const { batchSize: _batch, width: _width, height: _height, buckets: _buckets, preview, ...others } = rest
  const { checkpointEvery: _every, checkpointsKept: _kept, gradientCheckpointing, ...unknown } = others
  nothingIsLeft(unknown)
  sayTechnique(said, technique)
  sayOptimizer(said, optimizer, technique)
  saySchedule(said, schedule, optimizer)
  sayObjective(said, objective)
  sayText(said, text)
  if (preview?.sampling.text != null) said.refuse('preview.sampling.text', 'it reads previews as it reads captions')
  said.say('max_train_steps', steps)
  said.say('gradient_accumulation_steps', accumulation)
  if (seed > largestSeed) said.refuse('seed', `must be at most ${largestSeed}`)
  said.say('seed', seed)
  said.say('mixed_precision', mixedPrecision[precision])
  // Latents are computed in float32 here.
  if (precision !== 'float32') said.say('no_half_vae')
  if (gradientCheckpointing) said.say('gradient_checkpointing')
  if (emaDecay !== null) said.refuse('emaDecay', 'it keeps no moving average')
}

function saySubset(
  said: Sentence,
  { buckets }: TrainingSettings,
  subset: TrainingSubset,
  where: string,
): Record<string, unknown> {
  const { captionDropout, captions, flip, crop, weight, regularisation, ...rest } = subset
  // Said with the number of images; and only bases that were refused fill masks in.
  const { dataset: _dataset, repeats: _repeats, inpaintingMasks: _filled, ...unknown } = rest
  nothingIsLeft(unknown)
  if (weight !== 1 && !regularisation) said.refuse(`${where}.weight`, 'it weighs no subsets but class images')
  if (crop === 'random' && buckets === null) {
    said.refuse(`${where}.crop`, 'without buckets it cuts from images at their own size; set buckets')
  }
  return {
    caption_dropout_rate: captionDropout,
    flip_aug: flip,
    ...(crop === 'random' ? { random_crop: true } : {}),
    ...(regularisation ? { is_reg: true } : {}),
    ...sayCaptions(said, captions, `${where}.captions`),
  }
}

/** As here, as many class images are seen as others, in turn, and their losses are multiplied. */
function sayClassImages(said: Sentence, subsets: readonly TrainingSubset[]): void {
  const [weight, ...others] = new Set(subsets.filter(({ regularisation }) => regularisation).map((own) => own.weight))
  if (others.length > 0) said.refuse('subsets', 'it has one weight for all class images')
  if (weight !== undefined) said.say('prior_loss_weight', weight)
}

/** There, prefix and suffix become part of the tags that they touch, and are moved with them. */
function sayCaptions(said: Sentence, captions: CaptionSettings, where: string): Record<string, unknown> {
  const { prefix, suffix, shuffle, keptTags, tagDropout, ...unknown } = captions
  nothingIsLeft(unknown)
  const fixed = prefix.split(',').filter((tag) => tag.trim() !== '').length
  const glued = prefix !== '' && !prefix.trimEnd().endsWith(',')
  if (shuffle || tagDropout > 0) {
    if (suffix !== '') said.refuse(`${where}.suffix`, 'it moves and drops a suffix with the last tag')
    if (glued && keptTags === 0)
      said.refuse(`${where}.prefix`, 'it moves a prefix with the first tag; end it with a comma or keep a tag')
  }
  return {
    ...(prefix === '' ? {} : { caption_prefix: prefix }),
    ...(suffix === '' ? {} : { caption_suffix: suffix }),
    ...(shuffle ? { shuffle_caption: true } : {}),
    ...(tagDropout > 0 ? { caption_tag_dropout_rate: tagDropout } : {}),
    ...(shuffle || tagDropout > 0 ? { keep_tokens: keptTags + fixed - (glued ? 1 : 0) } : {}),
  }
}

function sayTechnique(said: Sentence, technique: Technique): void {
  if (technique.type === 'lora') sayNetwork(said, technique)
  else if (technique.type === 'loha' || technique.type === 'lokr') {
    said.refuse('technique', 'its LoHa and LoKr come from lycoris-lora, which its requirements do not name')
  } else said.refuse('technique', `only LoRA is driven, not ${technique.type}`)
}

function saySchedule(said: Sentence, schedule: Schedule, { learningRate }: Optimizer): void {
  switch (schedule.type) {
    case 'constant':
      // There, a plain constant ignores the warm-up.
      said.say('lr_scheduler', schedule.warmupSteps > 0 ? 'constant_with_warmup' : 'constant')
      break
    case 'linear':
    case 'cosine':
      said.say('lr_scheduler', schedule.type)
      break
    case 'cosine-restarts':
      said.say('lr_scheduler', 'cosine_with_restarts')
      said.say('lr_scheduler_num_cycles', schedule.cycles)
      break
    case 'polynomial':
      said.say('lr_scheduler', 'polynomial')
      said.say('lr_scheduler_power', schedule.power)
      // Without a rate there is no schedule.
      said.say('lr_scheduler_args', `lr_end=${schedule.endFactor * (learningRate ?? 0)}`)
      break
    case 'one-cycle':
      said.refuse('schedule', 'it has no one-cycle schedule of its own')
      return
  }
  if (schedule.warmupSteps > 0) said.say('lr_warmup_steps', schedule.warmupSteps)
}

function sayObjective(said: Sentence, { loss, weighting, noise, zeroTerminalSnr, mask, ...unknown }: Objective): void {
  nothingIsLeft(unknown)
  if (loss.type === 'squared') said.say('loss_type', 'l2')
  else {
    said.say('loss_type', loss.type === 'huber' ? 'huber' : 'smooth_l1')
    said.say('huber_schedule', loss.schedule)
    said.say('huber_c', loss.delta)
  }
  if (weighting.type === 'min-snr') said.say('min_snr_gamma', weighting.gamma)
  if (weighting.type === 'debiased') said.say('debiased_estimation_loss')
  if (zeroTerminalSnr) said.say('zero_terminal_snr')
  if (mask !== null) {
    said.refuse('objective.mask', 'its masked loss is a mean over all pixels, so that a small mask learns slowly')
  }
  const { offset, randomOffset, pyramid, perturbation, ...others } = noise
  nothingIsLeft(others)
  if (offset > 0) said.say('noise_offset', offset)
  if (randomOffset) said.say('noise_offset_random_strength')
  if (pyramid !== null) {
    said.say('multires_noise_iterations', pyramid.iterations)
    said.say('multires_noise_discount', pyramid.discount)
  }
  if (perturbation > 0) said.say('ip_noise_gamma', perturbation)
}

/**
 * Its own conventions hold: between windows it leaves out their starts and ends, and weights multiply without the mean
 * being restored. `BREAK` is a word to it, and brackets in previews always weigh.
 */
function sayText(said: Sentence, { maxTokens, weights, clipSkip, ...unknown }: TextSettings): void {
  nothingIsLeft(unknown)
  if (maxTokens > 75) said.say('max_token_length', maxTokens)
  if (weights) said.say('weighted_captions')
  if (clipSkip !== null && clipSkip > textLayers) said.refuse('text.clipSkip', `must be at most ${textLayers}`)
  else if (clipSkip !== null) said.say('clip_skip', clipSkip)
}
