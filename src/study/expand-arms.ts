import type { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { ConfigError } from '../errors/index.ts'
import { findSetting, type Level, levelsOf, type SettingPath, withSetting } from './axis.ts'
import { type ArmDefinition, type StudyDefinition, type VariantDefinition, variantDefinition } from './definition.ts'
import { type Layout, layOut } from './design.ts'
import { checkExceptions, reasonAgainst } from './exception.ts'
import { requireName } from './require-name.ts'

/** One arm on one base, with one value of each of its axes. */
export interface Arm {
  /** Unique in the study; names the base only when there are several. */
  readonly name: string
  /** Its name in the definition, which its variants share. */
  readonly family: string
  /** Value of each axis, as text. */
  readonly levels: Readonly<Record<string, string>>
  readonly base: string
  readonly baseline: boolean
  /** Every axis has its value in place. */
  readonly settings: VariantDefinition
  /** The study's prompts as this arm words them. */
  readonly prompts: readonly string[]
  /** Why it does not draw a prompt of the study; null where it does. */
  readonly notApplicable: readonly (string | null)[]
  /** Seeds of the study that it draws. */
  readonly seeds: readonly number[]
}

/** Design of each arm that has axes, by the arm's name in the definition. */
export function layOutArms(study: StudyDefinition): Map<string, Layout> {
  return new Map(
    Object.entries(study.arms).map(([name, { over, design }]) => {
      for (const [axis, values] of Object.entries(over)) refuseRepeatedLabels(name, axis, levelsOf(values))
      return [name, layOut(name, over, design)]
    }),
  )
}

/**
 * All arms of a study on all its bases. Throws ConfigError when an axis names no setting or several, when a value does
 * not fit, or when an exception can never hold.
 */
export function expandArms(study: StudyDefinition): Arm[] {
  const layouts = layOutArms(study)
  const variants = Object.entries(study.arms).flatMap(([name, settings]) => {
    const layout = layouts.get(name) as Layout
    checkExceptions(name, settings.except, layout, study)
    return spreadAxes(name, settings, layout, study)
  })
  for (const { family, settings } of variants) {
    if (settings.base !== null) requireName(`arms.${family}`, settings.base, study.bases, 'base')
  }
  return study.bases.flatMap((base) =>
    variants
      .filter(({ settings }) => settings.base === null || settings.base === base)
      .map((variant) => placeOnBase(variant, base, study)),
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

interface Variant {
  readonly family: string
  readonly levels: Readonly<Record<string, string>>
  readonly settings: VariantDefinition
}

function spreadAxes(family: string, settings: ArmDefinition, layout: Layout, study: StudyDefinition): Variant[] {
  const { over: _axes, design: _design, except: _exceptions, ...own } = settings
  const plain = { ...own, sampling: { ...study.sampling, ...settings.sampling } }
  // Images drawn together change speed alone, so the name stands for those trained together.
  const { batchSize: _together, ...sampling } = plain.sampling
  const paths = layout.axes.map(({ name }) => findSetting(family, { ...plain, sampling }, name))
  refuseNested(family, paths)
  return layout.runs.map((levels) => {
    const spread = levels.reduce<unknown>((held, { value }, i) => withSetting(held, paths[i] ?? [], value), plain)
    const named = Object.fromEntries(levels.map(({ label }, i) => [layout.axes[i]?.name ?? '', label]))
    const where = [`arm "${family}"`, ...Object.entries(named).map(([name, label]) => `${name} ${label}`)].join(
      ' with ',
    )
    return {
      family,
      levels: named,
      settings: resolve(variantDefinition as z.ZodType<VariantDefinition>, spread, where),
    }
  })
}

function placeOnBase({ family, levels, settings }: Variant, base: string, study: StudyDefinition): Arm {
  const several = study.bases.length > 1
  const labels = Object.entries(levels).flatMap(([axis, label]) =>
    several && axis === 'base' ? [] : [`${axis}=${label}`],
  )
  const exceptions = study.arms[family]?.except ?? []
  return {
    name: [family, ...labels, ...(several ? [`on ${base}`] : [])].join(' '),
    family,
    levels,
    base,
    baseline: family === study.baseline,
    settings,
    prompts: study.prompts.map((prompt) => replaceWords(prompt, settings.replace)),
    notApplicable: study.prompts.map((prompt) =>
      settings.prompts === null || settings.prompts.includes(prompt)
        ? reasonAgainst(exceptions, { ...levels, base, prompt })
        : 'this arm does not draw the prompt',
    ),
    seeds: study.seeds.filter((seed) => settings.seeds === null || settings.seeds.includes(seed)),
  }
}

function refuseRepeatedLabels(arm: string, axis: string, levels: readonly Level[]): void {
  const labels = levels.map(({ label }) => label)
  const repeated = labels.find((label, i) => labels.indexOf(label) !== i)
  if (repeated === undefined) return
  throw new ConfigError({
    code: 'repeated-value',
    message: `Arm "${arm}" varies "${axis}" over ${repeated} twice. Remove one.`,
    facts: { arm, axis, repeated },
  })
}

/** An axis over a whole group would undo one over a setting in it. */
function refuseNested(arm: string, paths: readonly SettingPath[]): void {
  for (const [i, outer] of paths.entries()) {
    const inner = paths.find((path, j) => i !== j && outer.every((key, k) => path[k] === key))
    if (inner === undefined) continue
    throw new ConfigError({
      code: 'nested-axes',
      message: `Arm "${arm}" varies both ${outer.join('.')} and ${inner.join('.')}, of which one holds the other. Vary one of them.`,
      facts: { arm, axes: [outer.join('.'), inner.join('.')] },
    })
  }
}
