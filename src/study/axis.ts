import { z } from 'zod'
import { ConfigError } from '../errors/index.ts'
import { nearestName } from '../util/nearest-name.ts'

/** Values of a setting: in a list, or by name where they are more than a number, a text or yes and no. */
export const axisDefinition = z.union([
  z.array(z.union([z.number(), z.string(), z.boolean()])).min(1),
  z
    .record(z.string().min(1).max(60), z.unknown())
    .refine((values) => Object.keys(values).length > 0, 'must have at least one value'),
])
export type AxisDefinition = z.output<typeof axisDefinition>

/** One value of an axis. */
export interface Level {
  /** The value as text, or its name. */
  readonly label: string
  readonly value: unknown
}

/** Keys that lead to a setting; `over` names it by all of them or by the last ones, joined by dots. */
export type SettingPath = readonly string[]

export function levelsOf(axis: AxisDefinition): Level[] {
  if (Array.isArray(axis)) return axis.map((value) => ({ label: String(value), value }))
  return Object.entries(axis).map(([label, value]) => ({ label, value }))
}

/** Path of the one setting of an arm that an axis names. Throws ConfigError (`unknown-axis`, `ambiguous-axis`). */
export function findSetting(arm: string, settings: object, axis: string): SettingPath {
  const paths = settingPaths(settings).map((path) => ({ path, text: path.join('.') }))
  const exact = paths.find(({ text }) => text === axis)
  if (exact !== undefined) return exact.path
  const [found, ...others] = paths.filter(({ text }) => text.endsWith(`.${axis}`))
  if (found === undefined) {
    const nearest = nearestName(axis, [...paths.map(({ text }) => text), ...paths.map(({ path }) => path.at(-1) ?? '')])
    throw new ConfigError({
      code: 'unknown-axis',
      message: `Arm "${arm}" varies "${axis}", but has no such setting.${nearest === undefined ? '' : ` Did you mean "${nearest}"?`}`,
      facts: { arm, axis, settings: paths.map(({ text }) => text) },
    })
  }
  if (others.length > 0) {
    const settings = [found, ...others].map(({ text }) => text)
    throw new ConfigError({
      code: 'ambiguous-axis',
      message: `Arm "${arm}" varies "${axis}", which could be ${settings.join(' or ')}. Write the one you mean in full.`,
      facts: { arm, axis, settings },
    })
  }
  return found.path
}

/** The settings with another value at the path. */
export function withSetting(settings: unknown, [key, ...rest]: SettingPath, value: unknown): unknown {
  if (key === undefined) return value
  if (isListOfOne(settings)) return [withSetting(settings[0], [key, ...rest], value)]
  const held = settings as Readonly<Record<string, unknown>>
  return { ...held, [key]: withSetting(held[key], rest, value) }
}

/** Every setting and every group of them. The one token of a textual inversion is found without its list. */
function settingPaths(value: unknown): SettingPath[] {
  if (isListOfOne(value)) return settingPaths(value[0])
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.entries(value).flatMap(([key, child]) => [[key], ...settingPaths(child).map((path) => [key, ...path])])
}

function isListOfOne(value: unknown): value is readonly [object] {
  return Array.isArray(value) && value.length === 1 && typeof value[0] === 'object'
}
