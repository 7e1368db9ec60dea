import type { SetPower, ValidityCard, ValidityFinding } from '../artefact/validity-card.ts'
import type { DistanceMetric } from '../config/metric.ts'
import { ConfigError } from '../errors/index.ts'
import { auc, type Features, spearman } from '../metrics/index.ts'
import { setFinding } from './set-power.ts'
import { anatomy, type TestImage } from './test-images.ts'

type Findings = Pick<ValidityCard, 'findings' | 'power' | 'overall'>

/** The findings of a metric of single images: each kind of damage against the sound images of the same source. */
export function findingsOfValues(images: readonly TestImage[], badness: readonly (number | null)[]): Findings {
  const known = images.flatMap((image, i) => {
    const value = badness[i] ?? null
    return value === null ? [] : [{ ...image, value }]
  })
  const findings = groupsOf(known).map(({ source, kind, sound, damaged }): ValidityFinding => {
    const {
      auc: area,
      low,
      high,
    } = auc(
      damaged.map(({ value }) => value),
      sound.map(({ value }) => value),
    )
    const all = [...sound, ...damaged]
    const graded = new Set(damaged.map(({ severity }) => severity)).size > 1
    const { correlation, ...bounds } = graded
      ? spearman(
          all.map(({ severity }) => severity),
          all.map(({ value }) => value),
        )
      : { correlation: null, low: 0, high: 0 }
    const counts = { positives: damaged.length, negatives: sound.length }
    return {
      source,
      kind,
      ...counts,
      auc: area,
      low,
      high,
      atChance: low <= 0.5 && high >= 0.5,
      spearman: correlation === null ? null : { correlation, low: bounds.low, high: bounds.high },
    }
  })
  return { findings, power: [], overall: overallOf(findings) }
}

/** The findings of a metric of whole sets, for every kind of damage at its largest severity. */
export function findingsOfSets(metric: DistanceMetric, images: readonly TestImage[], features: Features): Findings {
  const known = images.map((image, i) => ({ ...image, row: features[i] ?? [] }))
  const findings: ValidityFinding[] = []
  const power: SetPower[] = []
  for (const { source, kind, sound, damaged } of groupsOf(known)) {
    const most =
      kind === anyAnatomy
        ? damaged
        : damaged.filter(({ severity }) => severity === Math.max(...damaged.map((one) => one.severity)))
    const found = setFinding(metric, { sound: sound.map(({ row }) => row), damaged: most.map(({ row }) => row) })
    if (found === null) continue
    const { auc: area, low, high, sets } = found
    const atChance = low <= 0.5 && high >= 0.5
    findings.push({ source, kind, positives: sets, negatives: sets, auc: area, low, high, atChance, spearman: null })
    power.push({ source, kind, ...found.power })
  }
  return { findings, power, overall: overallOf(findings) }
}

const anyAnatomy = 'any wrong anatomy'

interface Group<Known> {
  readonly source: string
  readonly kind: string
  readonly sound: readonly Known[]
  readonly damaged: readonly Known[]
}

/** Damaged beside sound images, source by source and kind by kind, wrong anatomy also together. */
function groupsOf<Known extends TestImage>(images: readonly Known[]): Group<Known>[] {
  return [...new Set(images.map(({ source }) => source))].flatMap((source) => {
    const own = images.filter((image) => image.source === source)
    const sound = own.filter(({ kind }) => kind === 'sound')
    if (sound.length === 0) return []
    const kinds = [...new Set(own.map(({ kind }) => kind))].filter((kind) => kind !== 'sound')
    const groups = kinds.map((kind) => ({ source, kind, sound, damaged: own.filter((one) => one.kind === kind) }))
    const malformed = own.filter(({ kind }) => anatomy.has(kind))
    return malformed.length === 0 ? groups : [{ source, kind: anyAnatomy, sound, damaged: malformed }, ...groups]
  })
}

function overallOf(findings: readonly ValidityFinding[]): ValidityCard['overall'] {
  const found = findings.find(({ kind }) => kind === anyAnatomy)
  if (found !== undefined)
    return { kind: `${found.kind} on ${found.source}`, auc: found.auc, low: found.low, high: found.high }
  throw new ConfigError({
    code: 'too-few-images',
    message: 'There are too few renders to test this metric with. Draw more: at least 12.',
  })
}
