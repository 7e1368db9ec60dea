import { resolve as absolute, join } from 'node:path'
import { z } from 'zod'
import { baseArchitecture } from '../config/architecture.ts'
import { classifierSettings } from '../config/classifier.ts'
import { resolve } from '../config/resolve.ts'
import { prompt, seed } from '../config/sampling.ts'
import type { JobOf } from '../protocol/jobs.ts'
import { packageRoot } from '../util/package-root.ts'
import { datasetInput, refuseNoDerivatives } from './inputs.ts'
import type { ClassifyOptions, CreateBaseOptions, TrainClassifierOptions } from './lab.ts'

/** File of the finger classifier that comes with the package. */
export function embeddedClassifier(): string {
  return join(packageRoot(), 'src', 'weights', 'finger-classifier', 'finger-classifier.safetensors')
}

const classifyOptions = z.strictObject({
  classifier: z.string().min(1).optional(),
  images: z.array(z.string().min(1)).min(1),
  batchSize: z.int().min(1).max(1024).default(64),
})

/** The job that judges images. Throws ConfigError. */
export function classifyJobOf(input: ClassifyOptions): JobOf<'classify'> {
  const { classifier = embeddedClassifier(), images, batchSize } = resolve(classifyOptions, input, 'classification')
  return {
    type: 'classify',
    classifier: absolute(classifier),
    files: images.map((file) => absolute(file)),
    batchSize,
  }
}

const trainClassifierOptions = classifierSettings.extend({ dataset: datasetInput, file: z.string().min(1) })

/** The job that trains a finger classifier. Throws ConfigError. */
export function trainClassifierJobOf(input: TrainClassifierOptions): JobOf<'train-classifier'> {
  const { dataset, file, ...settings } = resolve(trainClassifierOptions, input, 'training of the classifier')
  refuseNoDerivatives([dataset])
  const { root, manifest, sha256 } = dataset
  return { type: 'train-classifier', dataset: { root, manifest, sha256 }, settings, output: absolute(file) }
}

const createBaseOptions = z.strictObject({
  architecture: baseArchitecture.prefault({}),
  captions: z.array(prompt),
  seed: seed.default(0),
  folder: z.string().min(1),
  weights: z.enum(['float32', 'float16', 'bfloat16']).default('float32'),
})

/** The job that makes a base. Throws ConfigError. */
export function createBaseJobOf(input: CreateBaseOptions): JobOf<'create-base'> {
  const { folder, ...options } = resolve(createBaseOptions, input, 'new base')
  return { type: 'create-base', ...options, output: absolute(folder) }
}
