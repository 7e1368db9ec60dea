import { resolve as absolute } from 'node:path'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import {
  adapterReference,
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
  const { base, prompts, seeds, negativePrompt, requests, image, recipe, ...rest } = given
  const { adapters: references, ...sampling } = rest
  if ((requests === undefined) === (prompts === undefined) || (prompts === undefined) !== (seeds === undefined)) {
    throw new ConfigError({
      code: 'invalid-settings',
      message: 'The sampling needs either prompts with seeds, or requests. Give one of the two.',
      facts: { where: 'sampling' },
    })
  }
  const expanded = (prompts ?? []).flatMap((text) =>
    (seeds ?? []).map((number) => ({ prompt: text, negativePrompt, seed: number, image: null })),
  )
  const job: JobOf<'sample'> = {
    type: 'sample',
    base: base.folder,
    adapters: references.map(({ file, strength }) => ({ file: absolute(file), strength })),
    requests: (requests ?? expanded).map((request) => withImage(request, image)),
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

function referenceOf(adapter: NonNullable<SampleOptions['adapters']>[number]): z.input<typeof adapterReference> {
  if (typeof adapter === 'string') return { file: adapter }
  return 'type' in adapter && adapter.type === 'adapter' ? { file: adapter.file } : (adapter as { file: string })
}

function truncationWarning({ truncatedTokens }: SampleResult, { requests }: JobOf<'sample'>): string {
  const cut = new Map<string, number>()
  for (const [i, tokens] of truncatedTokens.entries()) if (tokens > 0) cut.set(requests[i]?.prompt ?? '', tokens)
  const [[text, tokens] = ['', 0]] = cut
  const others = cut.size > 1 ? `, and ${cut.size - 1} other prompts were cut too` : ''
  return `The last ${tokens} tokens of "${text.slice(0, 60)}…" had no effect: the encoder reads 77 tokens${others}.`
}

function missing(index: number): never {
  throw new ProtocolError({
    code: 'image-missing',
    message: `Image ${index} never arrived, although the job ended well. Sample again.`,
    facts: { index },
  })
}
