import {
  defectRate,
  defineStudy,
  fingerCount,
  grid,
  kernelDistanceTo,
  lora,
  type StudyDefinition,
  textualInversion,
} from 'phalanx'

const palm = 'a photo of an open hand with five fingers spread'
const thumb = 'a photo of a hand giving a thumbs up'
const handshake = 'a photo of a handshake'
const object = 'a photo of an apple'

/** Pictures that the two trained arms learn from. */
export interface DemoPictures {
  /** A folder of well-formed hands. */
  readonly path: string
  /** One caption for all of them; null takes what the folder says. */
  readonly caption: string | null
}

/** Four ways to get better hands out of a base that draws wrong ones part of the time. */
export function demoStudy(name: string, base: string, { path, caption }: DemoPictures): StudyDefinition {
  return defineStudy({
    name,
    bases: [base],
    arms: {
      baseline: {},
      'negative prompt': { negativePrompt: 'missing finger, extra finger, fused fingers, malformed hand, blurry' },
      LoRA: {
        train: {
          technique: lora({ rank: 16, alpha: 16 }),
          dataset: 'hands',
          steps: 200,
          batchSize: 8,
          optimizer: { learningRate: 1e-3 },
          schedule: { type: 'cosine', warmupSteps: 10 },
        },
      },
      'textual inversion': {
        train: {
          technique: textualInversion({ placeholder: '<hand>', initialWord: 'hand' }),
          dataset: 'ten hands',
          steps: 150,
          batchSize: 8,
          optimizer: { learningRate: 5e-3, weightDecay: 0 },
        },
        replace: { hand: '<hand>' },
      },
    },
    datasets: { hands: { path, caption }, 'ten hands': { path, caption, limit: 10 } },
    prompts: [palm, thumb, handshake, object],
    seeds: 8,
    sampling: { sampler: 'ddim', steps: 25, guidance: 4 },
    metrics: [
      fingerCount({ expected: { [palm]: 5, [thumb]: 1 } }),
      defectRate({ prompts: [palm, thumb] }),
      kernelDistanceTo('hands', { prompts: [palm, thumb] }),
    ],
    figures: { samples: grid({ rows: 'arm', columns: 'seed' }) },
  })
}
