import { expect, test } from 'vitest'
import type { SubsetInput } from '../../src/config/subset.ts'
import { full, lokr, lora } from '../../src/config/technique.ts'
import type { TrainingSettingsInput } from '../../src/config/training.ts'
import { requirementsOf } from '../../src/kohya/environment.ts'
import { expressTraining } from '../../src/kohya/express.ts'
import type { TrainingSubset } from '../../src/protocol/jobs.ts'
import { base, jobOf } from './training.ts'

/** Options by name; a flag has no values. */
function optionsOf(settings: Partial<TrainingSettingsInput> = {}): Record<string, string[]> {
  const options: Record<string, string[]> = {}
  let values: string[] = []
  for (const word of expressTraining(jobOf(settings), base).options) {
    if (word.startsWith('--')) {
      values = []
      options[word.slice(2)] = values
    } else values.push(word)
  }
  return options
}

test('the paper’s LoRA is said in options of sd-scripts', () => {
  const technique = lora({ rank: 32, alpha: 1, unetLearningRate: 5e-4 })
  const schedule = { type: 'cosine-restarts', warmupSteps: 10, cycles: 3 } as const
  expect(optionsOf({ technique, schedule, steps: 400, seed: 7, precision: 'bfloat16' })).toMatchObject({
    network_module: ['networks.lora'],
    network_dim: ['32'],
    network_alpha: ['1'],
    unet_lr: ['0.0005'],
    learning_rate: ['0.0001'],
    optimizer_type: ['AdamW'],
    optimizer_args: ['betas=(0.9,0.999)', 'eps=1e-8', 'weight_decay=0.01'],
    max_grad_norm: ['1'],
    lr_scheduler: ['cosine_with_restarts'],
    lr_scheduler_num_cycles: ['3'],
    lr_warmup_steps: ['10'],
    max_train_steps: ['400'],
    seed: ['7'],
    mixed_precision: ['bf16'],
    no_half_vae: [],
    loss_type: ['l2'],
  })
})

test('a LoCon has its ranks among the arguments of the network, and patterns are refused', () => {
  const targets = ['attention', 'mlp', 'convolution'] as const
  const locon = lora({ rank: 32, alpha: 1, convolutionRank: 8, convolutionAlpha: 4, targets: [...targets] })
  expect(optionsOf({ technique: locon })).toMatchObject({ network_args: ['conv_dim=8', 'conv_alpha=4'] })
  const same = lora({ rank: 16, alpha: 2, targets: [...targets] })
  expect(optionsOf({ technique: same })).toMatchObject({ network_args: ['conv_dim=16', 'conv_alpha=2'] })
  expect(optionsOf()).not.toHaveProperty('network_args')
  expect(() => optionsOf({ technique: lora({ patterns: [{ match: '*' }] }) })).toThrowError(/technique\.patterns/)
})

test('a LoKr is refused, since a checkout has no LyCORIS', () => {
  expect(() => optionsOf({ technique: lokr() })).toThrowError(/technique: .*lycoris-lora/)
})

test('a masked loss is refused, since it means another thing there', () => {
  expect(() => optionsOf({ objective: { mask: {} } })).toThrowError(/objective\.mask: .*mean over all pixels/)
})

test('blocks are said in the lists of sd-scripts, and those of text encoders refused', () => {
  const targets = ['attention', 'mlp', 'convolution'] as const
  const rates = { down: { curve: 'reverse-linear', base: 0.25 }, middle: [0.5], up: 'cosine' } as const
  const blocks = {
    rates: { ...rates, middle: [...rates.middle] },
    ranks: { middle: [2] },
    convolutionAlphas: { down: Array<number>(12).fill(3) },
  }
  const technique = lora({ rank: 4, alpha: 1, targets: [...targets], blocks })
  const others = (value: number) => Array<number>(12).fill(value).join(',')
  expect(optionsOf({ technique }).network_args).toEqual([
    'down_lr_weight=reverse_linear+0.25',
    'mid_lr_weight=0.5',
    'up_lr_weight=cosine',
    `block_dims=${others(4)},2,${others(4)}`,
    `block_alphas=${others(1)},1,${others(1)}`,
    'conv_dim=4',
    'conv_alpha=1',
    `conv_block_dims=${others(4)},2,${others(4)}`,
    `conv_block_alphas=${others(3)},1,${others(1)}`,
  ])
  const wrong = lora({ blocks: { rates: { down: [1], middle: 'sine', textEncoder: 'linear' } } })
  expect(() => optionsOf({ technique: wrong })).toThrowError(
    /blocks\.rates\.down: must have 12.*\n.*blocks\.rates\.middle.*\n.*blocks\.rates\.textEncoder/,
  )
})

test('dropout, limits and LoRA+ have options, DoRA and a start have none', () => {
  const dropouts = { networkDropout: 0.1, rankDropout: 0.2, moduleDropout: 0.3 }
  expect(optionsOf({ technique: lora({ ...dropouts, maximumNorm: 1, upLearningRateRatio: 16 }) })).toMatchObject({
    network_dropout: ['0.1'],
    scale_weight_norms: ['1'],
    network_args: ['rank_dropout=0.2', 'module_dropout=0.3', 'loraplus_lr_ratio=16'],
  })
  const technique = lora({ decomposed: true, start: 'a.safetensors' })
  expect(() => optionsOf({ technique })).toThrowError(/technique\.decomposed.*\n.*technique\.start/)
})

test('a constant rate with warm-up has a name of its own there, and no limit of the gradients is 0', () => {
  const schedule = { type: 'constant', warmupSteps: 5 } as const
  const said = optionsOf({ schedule, optimizer: { maximumGradientNorm: null } })
  expect(said).toMatchObject({ lr_scheduler: ['constant_with_warmup'], max_grad_norm: ['0'] })
  expect(optionsOf()).toMatchObject({ lr_scheduler: ['constant'] })
  expect(optionsOf()).not.toHaveProperty('lr_warmup_steps')
})

test('optimizers have their names and arguments there', () => {
  const said = (optimizer: TrainingSettingsInput['optimizer']) => {
    const { optimizer_type, optimizer_args, learning_rate, max_grad_norm } = optionsOf({ optimizer })
    return [optimizer_type, learning_rate, max_grad_norm, optimizer_args].map((words) => words?.join(' '))
  }
  const eightBits = 'betas=(0.9,0.999) eps=1e-8 weight_decay=0.01'
  expect(said({ type: 'adamw-8bit' })).toEqual(['AdamW8bit', '0.0001', '1', eightBits])
  expect(said({ type: 'lion' })).toEqual(['Lion', '0.00003', '1', 'betas=(0.9,0.99) weight_decay=0.03'])
  expect(said({ type: 'adafactor' })).toEqual([
    'Adafactor',
    '0.01',
    '0',
    'relative_step=True warmup_init=False scale_parameter=True eps=(1e-30,0.001) clip_threshold=1 decay_rate=-0.8 beta1=None weight_decay=0',
  ])
  expect(said({ type: 'adafactor', learningRate: 1e-3, smallestScale: null, beta1: 0.9 })).toEqual([
    'Adafactor',
    '0.001',
    '0',
    'relative_step=False warmup_init=False scale_parameter=False eps=(1e-30,1e-30) clip_threshold=1 decay_rate=-0.8 beta1=0.9 weight_decay=0',
  ])
  expect(said({ type: 'prodigy', growthRate: 1.02 })).toEqual([
    'Prodigy',
    '1',
    '1',
    'betas=(0.9,0.999) beta3=None eps=1e-8 weight_decay=0.01 use_bias_correction=False safeguard_warmup=False d0=0.000001 d_coef=1 slice_p=1 growth_rate=1.02',
  ])
  expect(said({ type: 'schedule-free', warmupSteps: 9 })).toEqual([
    'AdamWScheduleFree',
    '0.0005',
    '1',
    'betas=(0.9,0.999) eps=1e-8 weight_decay=0.01 warmup_steps=9 r=0 weight_lr_power=2',
  ])
})

test('gradient checkpointing is a flag', () => {
  expect(optionsOf({ gradientCheckpointing: true })).toMatchObject({ gradient_checkpointing: [] })
  expect(optionsOf()).not.toHaveProperty('gradient_checkpointing')
})

test('float16 is fp16 there', () => {
  expect(optionsOf({ precision: 'float16' })).toMatchObject({ mixed_precision: ['fp16'], no_half_vae: [] })
  expect(optionsOf()).not.toHaveProperty('no_half_vae')
})

test('rates of parts are refused where the optimizer has one for all', () => {
  const rates = { unetLearningRate: 1, textEncoderLearningRate: 2, upLearningRateRatio: 4 }
  const technique = lora({ ...rates, blocks: { rates: { up: 'linear' } } })
  for (const type of ['prodigy', 'adafactor'] as const) {
    expect(() => optionsOf({ technique, optimizer: { type } })).toThrowError(
      /unetLearningRate.*\n.*textEncoderLearningRate.*\n.*upLearningRateRatio.*\n.*blocks\.rates/,
    )
  }
  expect(optionsOf({ technique, optimizer: { type: 'lion' } })).toMatchObject({ unet_lr: ['1'] })
})

test('parts, losses, weights and noise have their options', () => {
  const said = optionsOf({
    technique: lora({ parts: ['unet'] }),
    objective: {
      loss: { type: 'huber', delta: 0.2, schedule: 'constant' },
      weighting: { type: 'min-snr', gamma: 4 },
      noise: { offset: 0.1, randomOffset: true, pyramid: { iterations: 5, discount: 0.4 }, perturbation: 0.05 },
    },
  })
  expect(said).toMatchObject({
    network_train_unet_only: [],
    loss_type: ['huber'],
    huber_c: ['0.2'],
    huber_schedule: ['constant'],
    min_snr_gamma: ['4'],
    noise_offset: ['0.1'],
    noise_offset_random_strength: [],
    multires_noise_iterations: ['5'],
    multires_noise_discount: ['0.4'],
    ip_noise_gamma: ['0.05'],
  })
  const { subsets } = expressTraining(jobOf({ subsets: [{ flip: true }, { captionDropout: 0.1 }] }), base)
  expect(subsets).toEqual([
    { flip_aug: true, caption_dropout_rate: 0 },
    { flip_aug: false, caption_dropout_rate: 0.1 },
  ])
})

test('images are cropped at random in buckets, where their latents are not kept, and nowhere else', () => {
  const subsets = [{}, { crop: 'random' }] as const
  const cropped = expressTraining(jobOf({ subsets, buckets: {} }), base)
  expect(cropped.subsets.map(({ random_crop }) => random_crop)).toEqual([undefined, true])
  expect(cropped.options).not.toContain('--cache_latents')
  expect(optionsOf()).toHaveProperty('cache_latents', [])
  expect(() => expressTraining(jobOf({ subsets }), base)).toThrowError(/subsets\[1\]\.crop: without buckets/)
})

test('class images are regularisation images, with one weight for all', () => {
  const subsets = [{}, { regularisation: true, weight: 0.5 }] as const
  const said = expressTraining(jobOf({ subsets }), base)
  expect(said.subsets.map(({ is_reg }) => is_reg)).toEqual([undefined, true])
  expect(said.options.slice(said.options.indexOf('--prior_loss_weight')).slice(0, 2)).toEqual([
    '--prior_loss_weight',
    '0.5',
  ])
  expect(optionsOf()).not.toHaveProperty('prior_loss_weight')
})

test('how texts are read has its options, and nothing is said of what is usual', () => {
  const text = { maxTokens: 225, weights: true, clipSkip: 2 } as const
  expect(optionsOf({ text })).toMatchObject({ max_token_length: ['225'], weighted_captions: [], clip_skip: ['2'] })
  for (const name of ['max_token_length', 'weighted_captions', 'clip_skip']) {
    expect(optionsOf()).not.toHaveProperty(name)
  }
  const preview = { prompts: ['a hand'], sampling: { text: {} } }
  expect(() => optionsOf({ text: { clipSkip: 13 }, preview })).toThrowError(
    /text\.clipSkip.*12.*\n.*preview\.sampling\.text/,
  )
})

test('tags are moved and dropped as here, or it is refused', () => {
  const said = (captions: SubsetInput['captions']) =>
    expressTraining(jobOf({ subsets: [{ captions }] }), base).subsets[0]
  const shuffled = { shuffle: true, tagDropout: 0.1 }
  const options = { shuffle_caption: true, caption_tag_dropout_rate: 0.1 }
  expect(said({ prefix: 'a photo of', suffix: 'in paris' })).toMatchObject({
    caption_prefix: 'a photo of',
    caption_suffix: 'in paris',
  })
  expect(said({ ...shuffled, keptTags: 2 })).toMatchObject({ ...options, keep_tokens: 2 })
  expect(said({ ...shuffled, prefix: 'ohwx, woman,' })).toMatchObject({ ...options, keep_tokens: 2 })
  expect(said({ ...shuffled, prefix: 'art, photo of', keptTags: 1 })).toMatchObject({ ...options, keep_tokens: 2 })
  expect(() => said({ ...shuffled, prefix: 'photo of' })).toThrowError(/subsets\[0\]\.captions\.prefix/)
  expect(() => said({ ...shuffled, suffix: 'end' })).toThrowError(/subsets\[0\]\.captions\.suffix/)
})

test('everything that has no option is refused at once, with all reasons', () => {
  const settings = {
    technique: lora({ targets: ['mlp'] }),
    schedule: { type: 'one-cycle' },
    emaDecay: 0.99,
    seed: 2 ** 32,
    subsets: [{ weight: 2 }, { regularisation: true }, { regularisation: true, weight: 0.5 }],
  } as const
  const subsets = [/subsets\[0\]\.weight/, /subsets: it has one weight for all class images/]
  const refused = [/technique\.targets/, /schedule/, /seed/, /emaDecay/, ...subsets].map((path) =>
    expect.stringMatching(path),
  )
  expect(() => expressTraining(jobOf(settings), base)).toThrowError(
    expect.objectContaining({ code: 'engine-cannot-express', facts: { refused } }),
  )
  expect(() => expressTraining(jobOf({ technique: full() }), base)).toThrowError(/only LoRA/)
  expect(() => expressTraining(jobOf(), { ...base, unetParameters: 1 })).toThrowError(/another one/)
  const [{ dataset }] = jobOf().subsets as [TrainingSubset]
  const heldOut = { dataset, every: 1, best: null }
  expect(() => expressTraining({ ...jobOf(), heldOut }, base)).toThrowError(/heldOut/)
})

test('accumulated steps cannot go on from a checkpoint', () => {
  expect(expressTraining(jobOf({ accumulation: 2 }), base).resumable).toBe(false)
  expect(expressTraining(jobOf(), base).resumable).toBe(true)
})

test('the environment has torch and their packages, and neither the checkout itself nor comments', () => {
  const requirements = '# comment\r\naccelerate==1.6.0\n\n-e .\nnumpy\n'
  expect(requirementsOf({ requirements })).toBe('torch==2.6.0\ntorchvision==0.21.0\naccelerate==1.6.0\nnumpy\n')
})
