import type { LoraBlocks } from '../config/lora-blocks.ts'
import type { Technique } from '../config/technique.ts'
import { nothingIsLeft, type Sentence } from './sentence.ts'

type Lora = Extract<Technique, { type: 'lora' }>
type Blocks = Readonly<Record<keyof typeof blockCounts, readonly number[] | null>>

/** Blocks of the UNet of SD 1.5. */
const blockCounts = { down: 12, middle: 1, up: 12 } as const
const ways = ['down', 'middle', 'up'] as const
const rateNames = { down: 'down_lr_weight', middle: 'mid_lr_weight', up: 'up_lr_weight' } as const

/** Says a LoRA in options of sd-scripts, or refuses what there is none for. */
export function sayNetwork(said: Sentence, technique: Lora): void {
  const { type: _type, rank, alpha, targets, parts, unetLearningRate, textEncoderLearningRate, ...others } = technique
  const { convolutionRank: _rank, convolutionAlpha: _alpha, patterns, blocks, ...limits } = others
  const { decomposed, networkDropout, rankDropout, moduleDropout, maximumNorm, ...rest } = limits
  const { upLearningRateRatio, start, ...unknown } = rest
  nothingIsLeft(unknown)
  said.say('network_module', 'networks.lora')
  said.say('network_dim', rank)
  said.say('network_alpha', alpha)
  if (!(targets.includes('attention') && targets.includes('mlp'))) {
    said.refuse('technique.targets', 'it adapts attention and mlp together')
  }
  if (patterns.length > 0) said.refuse('technique.patterns', 'it chooses layers by kind alone')
  if (!parts.includes('text-encoder')) said.say('network_train_unet_only')
  if (!parts.includes('unet')) said.say('network_train_text_encoder_only')
  if (unetLearningRate !== null) said.say('unet_lr', unetLearningRate)
  if (textEncoderLearningRate !== null) said.say('text_encoder_lr', textEncoderLearningRate)
  if (networkDropout > 0) said.say('network_dropout', networkDropout)
  if (maximumNorm !== null) said.say('scale_weight_norms', maximumNorm)
  if (decomposed) said.refuse('technique.decomposed', 'its LoRA learns no magnitudes')
  if (start !== null) said.refuse('technique.start', 'it takes the factors of a file without their alpha')
  refuseBlocks(said, blocks)
  const networkArguments = [...rateArguments(technique), ...rankArguments(technique)]
  if (rankDropout > 0) networkArguments.push(`rank_dropout=${rankDropout}`)
  if (moduleDropout > 0) networkArguments.push(`module_dropout=${moduleDropout}`)
  if (upLearningRateRatio !== 1) networkArguments.push(`loraplus_lr_ratio=${upLearningRateRatio}`)
  if (networkArguments.length > 0) said.say('network_args', ...networkArguments)
}

/** A list of another length would be cut or filled up there. */
function refuseBlocks(said: Sentence, blocks: LoraBlocks): void {
  for (const [name, values] of Object.entries(blocks)) {
    for (const [region, given] of Object.entries(values)) {
      const count = Object.entries(blockCounts).find(([way]) => way === region)?.[1]
      if (given === null) continue
      const path = `technique.blocks.${name}.${region}`
      if (count === undefined) said.refuse(path, 'it knows no blocks of text encoders')
      else if (!Array.isArray(given) && count < 2) said.refuse(path, 'a curve needs two blocks')
      else if (Array.isArray(given) && given.length !== count) said.refuse(path, `must have ${count} numbers`)
    }
  }
}

function rateArguments({ blocks: { rates } }: Lora): string[] {
  return ways.flatMap((way) => {
    const given = rates[way]
    if (given === null) return []
    if (Array.isArray(given)) return [`${rateNames[way]}=${given.join(',')}`]
    const name = given.curve.replace('-', '_')
    return [`${rateNames[way]}=${given.base > 0 ? `${name}+${given.base}` : name}`]
  })
}

function rankArguments({ rank, alpha, targets, blocks, convolutionRank, convolutionAlpha }: Lora): string[] {
  const { rates: _rates, ranks, alphas, convolutionRanks, convolutionAlphas, ...unknown } = blocks
  nothingIsLeft(unknown)
  const blockwise = [ranks, alphas, convolutionRanks, convolutionAlphas].some((values) =>
    ways.some((way) => values[way]),
  )
  const said: string[] = []
  if (blockwise) said.push(`block_dims=${allBlocks(rank, ranks)}`, `block_alphas=${allBlocks(alpha, alphas)}`)
  if (!targets.includes('convolution')) return said
  said.push(`conv_dim=${convolutionRank ?? rank}`, `conv_alpha=${convolutionAlpha ?? alpha}`)
  if (!blockwise) return said
  // Without a rank of their own, convolutions follow the other layers of their block.
  const otherRanks = convolutionRank === null ? ranks : null
  const otherAlphas = convolutionAlpha === null ? alphas : null
  said.push(`conv_block_dims=${allBlocks(convolutionRank ?? rank, convolutionRanks, otherRanks)}`)
  said.push(`conv_block_alphas=${allBlocks(convolutionAlpha ?? alpha, convolutionAlphas, otherAlphas)}`)
  return said
}

function allBlocks(otherwise: number, ...preferred: readonly (Blocks | null)[]): string {
  const numbers = ways.flatMap(
    (way) =>
      preferred.map((values) => values?.[way]).find((values) => values) ??
      Array<number>(blockCounts[way]).fill(otherwise),
  )
  return numbers.join(',')
}
