import type { MetricRecord } from '../artefact/study-record.ts'

/** How the numbers of one metric are written. */
export interface MetricFormat {
  /** A value: shares as percent, others to three digits of the metric's largest number. */
  value(value: number): string
  /** A difference, with its sign; shares in percentage points. */
  difference(value: number): string
}

/** One way of writing for all numbers of a metric, so that they can be compared by eye. */
export function metricFormat(metric: MetricRecord): MetricFormat {
  if (metric.unit === 'share') {
    return {
      value: (value) => `${Math.round(value * 100)}\u00a0%`,
      difference: (value) => signed(Math.round(value * 100), 0),
    }
  }
  const largest = Math.max(1e-9, ...metric.rows.map((row) => Math.abs(row.estimate?.high ?? 0)))
  const decimals = metric.unit === 'probability' ? 2 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(largest))))
  return { value: (value) => plain(value, decimals), difference: (value) => signed(value, decimals) }
}

/** A p-value to two digits; never 0. */
export function formatProbability(p: number): string {
  if (p < 0.001) return '< 0.001'
  return p >= 0.995 ? '1' : p < 0.01 ? p.toFixed(3) : p.toFixed(2)
}

/** Bytes in the largest fitting decimal unit. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(bytes / size < 10 ? 1 : 0)} ${unit}`
  }
  return `${bytes} B`
}

/** Seconds as "0.42 s", "38 s", "4 min 10 s" or "2 h 05 min". */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

/** A whole number with thin spaces between thousands. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

/** "a", "a and b", "a, b and c". */
export function listWords(words: readonly string[], conjunction = 'and'): string {
  if (words.length < 2) return words[0] ?? ''
  return `${words.slice(0, -1).join(', ')} ${conjunction} ${words.at(-1)}`
}

/** Small whole numbers as words, as prose has them. */
export function numberWord(count: number): string {
  return ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][count] ?? formatCount(count)
}

/** The text with a capital first letter. */
export function sentenceStart(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** Whole numbers with runs drawn together: "1–8, 12". */
export function formatRuns(numbers: readonly number[]): string {
  const runs: [number, number][] = []
  for (const value of numbers) {
    const last = runs.at(-1)
    if (last && value === last[1] + 1) last[1] = value
    else runs.push([value, value])
  }
  return runs.map(([start, end]) => (start === end ? `${start}` : `${start}–${end}`)).join(', ')
}

function plain(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals)
  if (Number(text) === 0) return '0'
  return value < 0 ? `\u2212${text}` : text
}

function signed(value: number, decimals: number): string {
  const text = plain(value, decimals)
  return text === '0' || value < 0 ? text : `+${text}`
}
