import { resolve } from '../config/resolve.ts'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'
import { type ArmDefinition, armDefinition, type StudyDefinition } from './definition.ts'

/** One arm on one base, after its axis was spread out. */
export interface Arm {
  /** Unique in the study; names the base only when there are several. */
  readonly name: string
  readonly base: string
  readonly baseline: boolean
  /** Without `over`: the value is in its place. */
  readonly settings: ArmDefinition
  /** The study's prompts as this arm words them. */
  readonly prompts: readonly string[]
}

/** All arms of a study on all its bases. Throws ConfigError when an axis names no setting, or several. */
export function expandArms(study: StudyDefinition): Arm[] {
  return study.bases.flatMap((base) =>
    Object.entries(study.arms).flatMap(([name, settings]) =>
      spreadAxis(name, settings).map((variant) => ({
        name: study.bases.length > 1 ? `${variant.name} on ${base}` : variant.name,
        base,
        baseline: name === study.baseline,
        settings: variant.settings,
        prompts: study.prompts.map((prompt) => replaceWords(prompt, settings.replace)),
      })),
    ),
  )
}

/** Replaces whole words; the longest first, and nothing twice. */
export function replaceWords(prompt: string, replacements: Readonly<Record<string, string>>): string {
  const words = Object.keys(replacements).sort((a, b) => b.length - a.length)
  if (words.length === 0) return prompt
  const pattern = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')
  return prompt.replace(
    new RegExp(`(?<![\\p{L}\\p{N}_-])(?:${pattern})(?![\\p{L}\\p{N}_-])`, 'gu'),
    (word) => replacements[word] ?? word,
  )
}

function spreadAxis(name: string, settings: ArmDefinition): { name: string; settings: ArmDefinition }[] {
  const axes = Object.entries(settings.over)
  const [axis] = axes
  if (axis === undefined) return [{ name, settings }]
  if (axes.length > 1) {
    throw new ConfigError({
      code: 'several-axes',
      message: `Arm "${name}" varies ${axes.map(([key]) => key).join(' and ')}. Vary one setting an arm; write a second arm for the other.`,
      facts: { arm: name, axes: axes.map(([key]) => key) },
    })
  }
  const [key, values] = axis
  const plain = { ...settings, over: {} }
  const path = findSetting(name, plain, key)
  return values.map((value) => ({
    name: `${name} ${key}=${value}`,
    settings: resolve(armDefinition, withSetting(plain, path, value), `arm "${name}" with ${key} ${value}`),
  }))
}

/** The path of the one setting called `key`, in full (`train.optimizer.learningRate`) or by its end. */
function findSetting(arm: string, settings: ArmDefinition, key: string): readonly string[] {
  const paths = settingPaths(settings)
  const found = paths.filter((path) => path === key || path.endsWith(`.${key}`))
  const exact = found.find((path) => path === key)
  const path = exact ?? found[0]
  if (path === undefined) {
    const nearest = nearestName(key, [...paths, ...paths.map((full) => full.split('.').at(-1) as string)])
    throw new ConfigError({
      code: 'unknown-axis',
      message: `Arm "${arm}" varies "${key}", but has no such setting.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
      facts: { arm, axis: key, settings: paths },
    })
  }
  if (exact === undefined && found.length > 1) {
    throw new ConfigError({
      code: 'ambiguous-axis',
      message: `Arm "${arm}" varies "${key}", which could be ${found.join(' or ')}. Write the one you mean in full.`,
      facts: { arm, axis: key, settings: found },
    })
  }
  return path.split('.')
}

/** The one token of a textual inversion is written without its list, and found without it. */
function settingPaths(value: unknown, prefix = ''): string[] {
  if (isListOfOne(value)) return settingPaths(value[0], prefix)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix]
  return Object.entries(value).flatMap(([key, child]) => settingPaths(child, prefix === '' ? key : `${prefix}.${key}`))
}

function isListOfOne(value: unknown): value is readonly [object] {
  return Array.isArray(value) && value.length === 1 && typeof value[0] === 'object'
}

function withSetting(settings: object, path: readonly string[], value: unknown): object {
  if (isListOfOne(settings)) return [withSetting(settings[0], path, value)]
  const [key, ...rest] = path
  if (key === undefined) return settings
  const held = (settings as Record<string, unknown>)[key]
  return { ...settings, [key]: rest.length === 0 ? value : withSetting(held as object, rest, value) }
}
