import { resolve as absolute } from 'node:path'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import {
  adapterReference,
  type ControlReference,
  controlReference,
  initialImage,
  prompt,
  type SampleRequest,
  sampleRequest,
  samplingSettings,
  seed,
} from '../config/sampling.ts'
import { ConfigError, ProtocolError } from '../errors/index.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { SampleResult } from '../protocol/results.ts'
import type { RunStream } from '../worker/index.ts'
import { Broadcast } from './broadcast.ts'
import { baseInput } from './inputs.ts'
import { JobRun } from './job-run.ts'
import type { CallOptions, SampleEvent, SampleOptions, SampleRun, Samples } from './lab.ts'
import { recipesOf } from './recipe.ts'
import { type SampledImage, sampledImage } from './sampled-image.ts'

const sampleOptions = samplingSettings.extend({
  base: baseInput,
  adapters: z.array(adapterReference).default([]),
  prompts: z.array(prompt).min(1).optional(),
  seeds: z.array(seed).min(1).optional(),
  negativePrompt: prompt.default(''),
  requests: z.array(sampleRequest).min(1).optional(),
  image: initialImage.nullable().default(null),
  controls: z
    .array(
      controlReference
        .extend({ picture: z.string().min(1).optional() })
        .refine(({ start, end }) => start < end, { message: 'must be greater than start', path: ['end'] }),
    )
    .default([]),
  /** Write how an image was drawn into its PNG. */
  recipe: z.boolean().default(true),
})

/** A sampling before it runs. */
export interface SamplePlan {
  readonly job: JobOf<'sample'>
  /** What PNGs tell; null for nothing. */
  readonly recipes: ReturnType<typeof recipesOf> | null
}

/** The job that draws what was asked for. Throws ConfigError. */
export function planSampling(input: SampleOptions): SamplePlan {
  const adapters = input.adapters?.map(referenceOf)
  const given = resolve(sampleOptions, { ...input, ...(adapters && { adapters }) }, 'sampling')
  const { base, prompts, seeds, negativePrompt, requests, image, controls, recipe, ...rest } = given
  const { adapters: references, ...sampling } = rest
  if ((requests === undefined) === (prompts === undefined) || (prompts === undefined) !== (seeds === undefined)) {
    throw new ConfigError({
      code: 'invalid-settings',
      message: 'The sampling needs either prompts with seeds, or requests. Give one of the two.',
      facts: { where: 'sampling' },
    })
  }
  const expanded = (prompts ?? []).flatMap((text) =>
    (seeds ?? []).map((number) => ({ prompt: text, negativePrompt, seed: number, image: null, controls: [] })),
  )
  const job: JobOf<'sample'> = {
    type: 'sample',
    base: base.folder,
    adapters: references.map(({ file, ...rest }) => ({ file: absolute(file), ...rest })),
    controls: controls.map(({ picture: _picture, file, ...how }) => ({ ...how, file: absolute(file) })),
    requests: (requests ?? expanded).map((request) => withPictures(withImage(request, image), controls)),
    sampling,
  }
  return { job, recipes: recipe ? recipesOf(job, base) : null }
}

/** Draws the images of a job; all are kept until the handle is let go. */
export function startSampling(
  { job, recipes }: SamplePlan,
  submit: (job: JobOf<'sample'>) => RunStream<SampleResult>,
  { signal }: CallOptions,
): SampleRun {
  const images = new Map<number, SampledImage>()
  const events = new Broadcast<SampleEvent>(({ type }) => type !== 'progress-update')
  const run = new JobRun<SampleResult, SampleResult>({
    signal,
    submit: () => submit(job),
    finish: (drawn) => drawn,
  })
  const pump = async (): Promise<void> => {
    for await (const event of run) {
      if (event.type !== 'image-end') events.push(event)
      else {
        const { index, prompt: text, seed: number, width, height, pixels } = event
        const facts = { index, prompt: text, seed: number, width, height, pixels }
        const image = sampledImage(facts, recipes && (() => recipes(index, facts)))
        images.set(index, image)
        events.push({ type: 'image-end', index, image })
      }
    }
  }
  const collect = (result: SampleResult): Samples => {
    const cut = result.truncatedTokens.filter((count) => count > 0).length
    if (cut > 0) events.push({ type: 'log-line', stream: 'warning', text: truncationWarning(result, job), dropped: 0 })
    const { seconds, peakMemoryBytes, truncatedTokens } = result
    const inOrder = job.requests.map((_, index) => images.get(index) ?? missing(index))
    return Object.freeze(Object.assign(inOrder, { seconds, peakMemoryBytes, truncatedTokens }))
  }
  // The images are complete when the loop is through, which may be after the job's own end.
  const result = pump().then(async () => collect(await run.result))
  result.then(
    () => events.end(),
    () => events.end(),
  )
  return {
    requests: job.requests,
    result,
    cancel: (reason) => run.cancel(reason),
    // biome-ignore lint/suspicious/noThenProperty: a run is awaitable, as the interface says.
    then: (onFulfilled, onRejected) => result.then(onFulfilled, onRejected),
    async *[Symbol.asyncIterator]() {
      result.catch(() => undefined)
      yield* events
      await result
    },
  }
}

/** The request with its own image, else the one for all, by absolute paths. */
function withImage(request: SampleRequest, forAll: SampleRequest['image']): SampleRequest {
  const image = request.image ?? forAll
  if (image === null) return request
  const mask = image.mask === null ? null : absolute(image.mask)
  return { ...request, image: { ...image, file: absolute(image.file), mask } }
}

/** The pictures that control a request: its own, or those that came with the ControlNets. */
function withPictures(
  request: SampleRequest,
  controls: readonly (ControlReference & { readonly picture?: string | undefined })[],
): SampleRequest {
  const common = controls.flatMap(({ picture }) => (picture === undefined ? [] : [picture]))
  const pictures = request.controls.length > 0 ? request.controls : common
  if (pictures.length === controls.length) {
    return { ...request, controls: pictures.map((picture) => absolute(picture)) }
  }
  throw new ConfigError({
    code: 'control-picture-missing',
    message: `There are ${controls.length} ControlNets and ${pictures.length} pictures for "${request.prompt.slice(0, 60)}". Name one picture for each, in controls or in the request.`,
    facts: { controls: controls.length, pictures: pictures.length },
  })
}

function referenceOf(adapter: NonNullable<SampleOptions['adapters']>[number]): z.input<typeof adapterReference> {
  if (typeof adapter === 'string') return { file: adapter }
  return 'type' in adapter && adapter.type === 'adapter' ? { file: adapter.file } : (adapter as { file: string })
}

function truncationWarning({ truncatedTokens }: SampleResult, { requests, sampling }: JobOf<'sample'>): string {
  const cut = new Map<string, number>()
  for (const [i, tokens] of truncatedTokens.entries()) if (tokens > 0) cut.set(requests[i]?.prompt ?? '', tokens)
  const [[text, tokens] = ['', 0]] = cut
  const others = cut.size > 1 ? `, and ${cut.size - 1} other prompts were cut too` : ''
  const { maxTokens } = sampling.text
  const remedy = maxTokens < 225 ? ' Set text.maxTokens, up to 225, to read more.' : ''
  return `The last ${tokens} tokens of "${text.slice(0, 60)}…" had no effect: ${maxTokens} tokens are read${others}.${remedy}`
}

function missing(index: number): never {
  throw new ProtocolError({
    code: 'image-missing',
    message: `Image ${index} never arrived, although the job ended well. Sample again.`,
    facts: { index },
  })
}
