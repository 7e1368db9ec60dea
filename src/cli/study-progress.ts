import { formatCount, formatSeconds } from '../report/format.ts'
import type { Cell, StudyEvent } from '../study/index.ts'
import type { Terminal } from './terminal.ts'
import { describeUnread, describeUnreadCaptions } from './unread-text.ts'

const units: Readonly<Record<Cell['kind'], string>> = {
  train: 'steps',
  sample: 'updates',
  repair: 'images',
  score: 'updates',
  embed: 'updates',
}

/** Shows the running cell in one line: how far, loss, rate and time left of the cell and of the study. */
export function showStudy(terminal: Terminal): (event: StudyEvent) => void {
  return (event) => {
    const { total, cached, done, failed, skipped } = event.counts
    const place = `[${Math.min(total, cached + done + failed + skipped + 1)}/${total}]`
    switch (event.type) {
      case 'plan-end':
        break
      case 'cell-start':
        terminal.status(`${place} ${event.cell.label}`)
        break
      case 'cell-progress':
        terminal.status(`${place} ${describeProgress(event)}`)
        break
      case 'cell-end':
        terminal.settle(`  done in ${formatSeconds(event.record.seconds)}: ${event.cell.label}`)
        noteUnread(terminal, event)
        break
      case 'cell-fail':
        terminal.note(`  FAILED: ${event.cell.label}: ${messageOf(event.error)}`)
        break
      case 'cell-skip':
        terminal.note(`  skipped: ${event.cell.label}, because what it needs failed`)
    }
  }
}

/** What the text encoder did not read has no effect, which nobody would notice in the images. */
function noteUnread(terminal: Terminal, { cell, record }: StudyEvent & { type: 'cell-end' }): void {
  if (record.kind === 'sample' && record.truncatedTokens > 0)
    terminal.note(`  ${describeUnread(record.truncatedTokens)}: ${cell.label}`)
  if (record.kind === 'train' && record.result.truncatedCaptions > 0)
    terminal.note(`  ${describeUnreadCaptions(record.result.truncatedCaptions)}: ${cell.label}`)
}

function describeProgress({ cell, done, total, loss, rate, counts }: StudyEvent & { type: 'cell-progress' }): string {
  const left = rate === null || rate === 0 ? null : (total - done) / rate
  return [
    cell.label,
    `${formatCount(done)} of ${formatCount(total)}`,
    ...(loss === null ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(rate === null ? [] : [`${rate.toPrecision(3)} ${units[cell.kind]}/s`]),
    ...(left === null ? [] : [`${formatSeconds(left)} left`]),
    ...(counts.secondsLeft === null ? [] : [`all: ${formatSeconds(counts.secondsLeft)} left`]),
  ].join(' · ')
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
