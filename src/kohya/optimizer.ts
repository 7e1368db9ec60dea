import type { Optimizer } from '../config/optimizer.ts'
import type { Technique } from '../config/technique.ts'
import { nothingIsLeft, type Sentence } from './sentence.ts'

/**
 * Given in place of Adafactor's relative step, whose first value it is: there, a rate of 0 leaves the parameters out,
 * and any other is only shown until the first step.
 */
const firstRelativeStep = 0.01

/** Says an optimizer in options of sd-scripts, which takes each from the library that this package takes it from. */
export function sayOptimizer(said: Sentence, optimizer: Optimizer, technique: Technique): void {
  const { name, options } = inTheirWords(optimizer)
  said.say('optimizer_type', name)
  said.say('learning_rate', optimizer.learningRate ?? firstRelativeStep)
  said.say('optimizer_args', ...Object.entries(options).map(([key, value]) => `${key}=${value}`))
  said.say('max_grad_norm', optimizer.maximumGradientNorm ?? 0)
  if (optimizer.type === 'prodigy' || optimizer.learningRate === null) refuseGroupRates(said, technique)
}

interface Theirs {
  readonly name: string
  /** Arguments of the optimizer's class, as Python writes them. */
  readonly options: Readonly<Record<string, string | number>>
}

function inTheirWords(optimizer: Optimizer): Theirs {
  // Every optimizer has these; they are said by the caller.
  const { learningRate, maximumGradientNorm: _norm, ...own } = optimizer
  switch (own.type) {
    case 'adamw':
    case 'adamw-8bit': {
      const { type, beta1, beta2, epsilon, weightDecay, ...unknown } = own
      nothingIsLeft(unknown)
      const options = { betas: `(${beta1},${beta2})`, eps: epsilon, weight_decay: weightDecay }
      return { name: type === 'adamw' ? 'AdamW' : 'AdamW8bit', options }
    }
    case 'adafactor': {
      const { type: _type, relativeWarmup, smallestScale, clippingThreshold, decayExponent, ...rest } = own
      const { beta1, epsilon, weightDecay, ...unknown } = rest
      nothingIsLeft(unknown)
      const options = {
        relative_step: truth(learningRate === null),
        warmup_init: truth(relativeWarmup),
        scale_parameter: truth(smallestScale !== null),
        // Without scaling the second one is unread.
        eps: `(${epsilon},${smallestScale ?? epsilon})`,
        clip_threshold: clippingThreshold,
        decay_rate: -decayExponent,
        beta1: beta1 ?? 'None',
        weight_decay: weightDecay,
      }
      return { name: 'Adafactor', options }
    }
    case 'lion': {
      const { type: _type, beta1, beta2, weightDecay, ...unknown } = own
      nothingIsLeft(unknown)
      return { name: 'Lion', options: { betas: `(${beta1},${beta2})`, weight_decay: weightDecay } }
    }
    case 'prodigy': {
      const { type: _type, beta1, beta2, beta3, epsilon, weightDecay, biasCorrection, safeguardWarmup, ...rest } = own
      const { d0, dCoefficient, growthRate, slice, ...unknown } = rest
      nothingIsLeft(unknown)
      const options = {
        betas: `(${beta1},${beta2})`,
        beta3: beta3 ?? 'None',
        eps: epsilon,
        weight_decay: weightDecay,
        use_bias_correction: truth(biasCorrection),
        safeguard_warmup: truth(safeguardWarmup),
        d0,
        d_coef: dCoefficient,
        slice_p: slice,
        // Theirs is infinite by default, which cannot be written.
        ...(growthRate === null ? {} : { growth_rate: growthRate }),
      }
      return { name: 'Prodigy', options }
    }
    case 'schedule-free': {
      const { type: _type, beta1, beta2, epsilon, weightDecay, warmupSteps, averagePower, ratePower, ...unknown } = own
      nothingIsLeft(unknown)
      const options = {
        betas: `(${beta1},${beta2})`,
        eps: epsilon,
        weight_decay: weightDecay,
        warmup_steps: warmupSteps,
        r: averagePower,
        weight_lr_power: ratePower,
      }
      return { name: 'AdamWScheduleFree', options }
    }
  }
}

/** Prodigy and Adafactor's relative step have one rate for everything. */
function refuseGroupRates(said: Sentence, technique: Technique): void {
  if (technique.type !== 'lora') return
  const { unetLearningRate, textEncoderLearningRate, upLearningRateRatio, blocks } = technique
  const reason = 'this optimizer has one rate for all parameters'
  if (unetLearningRate !== null) said.refuse('technique.unetLearningRate', reason)
  if (textEncoderLearningRate !== null) said.refuse('technique.textEncoderLearningRate', reason)
  if (upLearningRateRatio !== 1) said.refuse('technique.upLearningRateRatio', reason)
  if (Object.values(blocks.rates).some((rates) => rates !== null)) said.refuse('technique.blocks.rates', reason)
}

function truth(value: boolean): string {
  return value ? 'True' : 'False'
}
