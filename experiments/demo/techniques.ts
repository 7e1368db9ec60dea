import {
  controlNet,
  type DreamBoothRequest,
  full,
  loha,
  lokr,
  lora,
  negativeEmbedding,
  type SampleOptions,
  type TechniqueInput,
  type TrainRequest,
  textualInversion,
} from 'phalanx'

/** What all of them draw. */
export const prompt = 'a photo of an open hand with five fingers spread'
export const seeds = [1, 2, 3, 4] as const
export const sampling = { sampler: 'euler', steps: 20, guidance: 4 } as const

/** A way to change what the base draws, short enough to watch. */
export interface Showing {
  readonly name: string
  /** Nothing for what needs no training. */
  readonly training?: { readonly technique: TechniqueInput } & Pick<TrainRequest, 'steps' | 'batchSize' | 'optimizer'>
  /** Prompts and class images of a training that is a DreamBooth. */
  readonly dreamBooth?: Pick<DreamBoothRequest, 'instancePrompt' | 'classPrompt' | 'classImages' | 'classSampling'>
  /** How its drawings differ from the base's, beside the adapter. */
  readonly drawing?: Partial<Pick<SampleOptions, 'image' | 'sampler'>> & {
    readonly prompt?: string
    readonly negativePrompt?: string
  }
}

const fast = { batchSize: 4, optimizer: { learningRate: 1e-3 } }
const factors = { rank: 8, alpha: 8 }

/** Every technique once, with just enough steps to leave a trace: how much each helps is what studies are for. */
export const showings: readonly Showing[] = [
  { name: 'base' },
  { name: 'negative prompt', drawing: { negativePrompt: 'extra finger, blurry' } },
  { name: 'LoRA', training: { technique: lora(factors), steps: 40, ...fast } },
  {
    name: 'LoCon',
    training: { technique: lora({ ...factors, targets: ['attention', 'mlp', 'convolution'] }), steps: 30, ...fast },
  },
  { name: 'DoRA', training: { technique: lora({ ...factors, decomposed: true }), steps: 30, ...fast } },
  { name: 'LoHa', training: { technique: loha({ rank: 4, alpha: 4 }), steps: 30, ...fast } },
  { name: 'LoKr', training: { technique: lokr({ rank: 4, alpha: 4 }), steps: 30, ...fast } },
  {
    name: 'textual inversion',
    training: {
      technique: textualInversion({ placeholder: '<hand>', initialWord: 'hand', vectors: 2 }),
      steps: 40,
      batchSize: 4,
      optimizer: { learningRate: 5e-3, weightDecay: 0 },
    },
    drawing: { prompt: prompt.replace('hand', '<hand>') },
  },
  {
    name: 'negative embedding',
    training: {
      technique: negativeEmbedding({ placeholder: '<bad-hand>', initialWord: '', vectors: 2 }),
      steps: 30,
      batchSize: 4,
      optimizer: { learningRate: 5e-3, weightDecay: 0 },
    },
    drawing: { negativePrompt: '<bad-hand>' },
  },
  {
    name: 'full fine-tune',
    training: { technique: full({ parts: ['unet'] }), steps: 25, batchSize: 4, optimizer: { learningRate: 5e-5 } },
  },
  {
    name: 'DreamBooth',
    training: { technique: full({ parts: ['unet'] }), steps: 20, batchSize: 4, optimizer: { learningRate: 5e-5 } },
    dreamBooth: {
      instancePrompt: 'a photo of sks hand',
      classPrompt: 'a photo of a hand',
      classImages: 8,
      classSampling: sampling,
    },
    drawing: { prompt: 'a photo of sks hand' },
  },
  {
    name: 'ControlNet depth',
    training: { technique: controlNet(), steps: 60, batchSize: 4, optimizer: { learningRate: 1e-3 } },
  },
]
