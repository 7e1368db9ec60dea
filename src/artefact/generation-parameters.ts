import type { SamplingSettings } from '../config/sampling.ts'
import type { Recipe } from './recipe.ts'

/** Names of the samplers as A1111 lists them; `DDPM`, which it lacks, as Forge does. */
export const a1111Samplers: Readonly<Record<SamplingSettings['sampler'], string>> = {
  ddim: 'DDIM',
  ddpm: 'DDPM',
  euler: 'Euler',
  'euler-ancestral': 'Euler a',
  heun: 'Heun',
  'dpmpp-2m': 'DPM++ 2M',
  'dpmpp-2m-karras': 'DPM++ 2M Karras',
  unipc: 'UniPC',
}
const negativePrefix = 'Negative prompt:'

/** What A1111's `parameters` text says. */
export interface GenerationParameters {
  readonly prompt: string
  readonly negativePrompt: string
  /** Such as `Steps` and `Sampler`, as they are written, without quotes. */
  readonly settings: Readonly<Record<string, string>>
}

/**
 * A recipe in A1111's words (`create_infotext` of its modules/processing.py): prompt, negative prompt, and one line of
 * settings. LoRAs also stand in the prompt as `<lora:name:strength>`, by which A1111 applies them. Brackets that weighed
 * nothing are escaped, because A1111 always weighs by them; for a `BREAK` it has no escape. What it has no word
 * for is in our own recipe only; its model hash is that of a single file, ours of the base's tensors.
 */
export function writeParameters(recipe: Recipe): string {
  const { adapters, image, text } = recipe
  const written = (said: string): string => (text.weights ? said : withoutSyntax(said))
  const [prompt, negativePrompt] = [written(recipe.prompt), written(recipe.negativePrompt)]
  const loras = adapters.filter(({ kind }) => kind === 'lora')
  const embeddings = adapters.filter(({ kind }) => kind === 'embedding')
  const tags = loras.map(({ name, strength }) => `<lora:${name}:${strength}>`)
  const settings = {
    Steps: recipe.steps,
    Sampler: a1111Samplers[recipe.sampler],
    'CFG scale': recipe.guidance,
    Seed: recipe.seed,
    Size: `${recipe.width}x${recipe.height}`,
    'Model hash': recipe.base.sha256.slice(0, 10),
    Model: recipe.base.name,
    // There, 1 means nothing is skipped, and SDXL takes its penultimate layer whatever this says.
    'Clip skip': text.clipSkip !== null && text.clipSkip > 1 ? text.clipSkip : undefined,
    'Denoising strength': image?.strength,
    'Mask blur': image?.mask == null ? undefined : image.maskBlur,
    'Noise Schedule': recipe.zeroTerminalSnr ? 'Zero Terminal SNR' : undefined,
    'Lora hashes': hashes(loras.map(({ name, tensorSha256 }) => [name, tensorSha256])),
    'TI hashes': hashes(embeddings.map(({ name, sha256 }) => [name, sha256])),
  }
  const line = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${quoted(String(value))}`)
    .join(', ')
  const negative = negativePrompt === '' ? [] : [`${negativePrefix} ${negativePrompt}`]
  return [[prompt, ...tags].join(' '), ...negative, line].join('\n')
}

/**
 * Reads A1111's `parameters` (`parse_generation_parameters` of its modules/infotext_utils.py), whoever wrote them. The
 * format keeps no space at the ends of lines, and a line of a prompt that begins with "Negative prompt:" is taken for
 * the negative prompt; nothing is ever refused.
 */
export function parseParameters(text: string): GenerationParameters {
  const lines = text.trim().split('\n')
  const last = lines.at(-1) ?? ''
  const settings = settingsOf(last)
  // A last line with fewer is a prompt that happens to hold a colon.
  const isSettings = settings.length >= 3
  const body = (isSettings ? lines.slice(0, -1) : lines).map((line) => line.trim())
  const start = body.findIndex((line) => line.startsWith(negativePrefix))
  const positive = start < 0 ? body : body.slice(0, start)
  const negative = start < 0 ? [] : body.slice(start)
  return {
    prompt: joined(positive),
    negativePrompt: joined(negative.map((line) => line.replace(negativePrefix, '').trim())),
    settings: isSettings ? Object.fromEntries(settings) : {},
  }
}

function withoutSyntax(text: string): string {
  return text.replace(/[\\()[\]]/g, String.raw`\$&`)
}

/** Blank lines at the beginning are dropped, as by A1111. */
function joined(lines: readonly string[]): string {
  const first = lines.findIndex((line) => line !== '')
  return first < 0 ? '' : lines.slice(first).join('\n')
}

function settingsOf(line: string): [name: string, value: string][] {
  const found = line.matchAll(/\s*([\p{L}\p{N}_][\p{L}\p{N}_ \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)/gu)
  return [...found].map(([, name = '', value = '']) => [name, unquoted(value)])
}

function hashes(pairs: readonly (readonly [name: string, sha256: string])[]): string | undefined {
  return pairs.length === 0 ? undefined : pairs.map(([name, hash]) => `${name}: ${hash.slice(0, 12)}`).join(', ')
}

function quoted(text: string): string {
  return /[,:\n]/.test(text) ? JSON.stringify(text) : text
}

function unquoted(text: string): string {
  if (!/^".*"$/s.test(text)) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}
